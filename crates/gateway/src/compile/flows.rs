//! From what is written about flows to the steps of an API's routes.

use std::sync::Arc;
use std::time::Duration;

use portcullis_authz::Demand;
use portcullis_config::codes::decision as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::{Contract, Operation};

use super::api::Subject;
use super::objects::{names, place_on};
use super::strengths::strength;
use crate::config::{FlowConfig, PerConfig, TooFastConfig};
use crate::flows::{Flow, OnRoute, Pace, Per, Runs, TooFast};
use crate::policy::{Api, Route};

/// Makes every route of an API the step that it is.
pub(super) fn attach(
    subject: &Subject<'_>,
    contract: &Contract,
    routes: &mut [Route],
    running: Option<&Api>,
    diagnostics: &mut Diagnostics,
) {
    for (name, config) in &subject.config.flows {
        let place = subject.place.child("flows").child(name);
        let before = running.and_then(|api| {
            let steps = api.routes.iter().flat_map(|route| &route.flows);
            steps.map(|on_route| &on_route.flow).find(|flow| *flow.name == **name)
        });
        let Some(steps) = steps(config, contract, &place, diagnostics) else { continue };
        let flow = Arc::new(flow(name, config, &steps, before));
        for (step, operation) in steps.into_iter().enumerate() {
            let object = config.object.as_ref().and_then(|written| place_on(written, operation));
            let Some(route) = routes.get_mut(operation.index) else { continue };
            let is_told = match flow.per {
                Per::Subject | Per::Session => !matches!(route.demand, Demand::Public),
                // Only what makes an object need not name it.
                Per::Object => object.is_some() || step == 0,
            };
            if !is_told {
                let message = format!("nobody can tell whose step `{}` is", operation.id);
                diagnostics.push(
                    Diagnostic::error(codes::FLOW_UNTOLD, message).at(place.child("steps").index(step)).help(
                        "give the operation a credential, or the flow `per: object` and the place of its id",
                    ),
                );
            }
            let flow = Arc::clone(&flow);
            route.flows.push(OnRoute {
                flow,
                step,
                object: object.filter(|_| config.per == PerConfig::Object),
            });
        }
    }
    if !subject.config.flows.is_empty()
        && subject.gateway.store.as_ref().is_some_and(|store| store.postgresql.is_some())
    {
        let message = "how far a flow has come is known to one gateway alone";
        diagnostics.push(
            Diagnostic::warning(codes::FLOW_LOCAL, message)
                .at(subject.place.child("flows").key())
                .help("have the calls of one caller come to one gateway"),
        );
    }
}

/// The operations of a flow, in order.
fn steps<'c>(
    config: &FlowConfig,
    contract: &'c Contract,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<&'c Arc<Operation>>> {
    let mut steps: Vec<&Arc<Operation>> = Vec::with_capacity(config.steps.len());
    for (index, name) in config.steps.iter().enumerate() {
        let found = contract.operations().iter().find(|operation| names(name, operation));
        let why = match found {
            None => format!("there is no operation `{name}`"),
            Some(operation) if steps.iter().any(|step| step.index == operation.index) => {
                format!("`{name}` is a step already")
            }
            Some(operation) => {
                steps.push(operation);
                continue;
            }
        };
        let place = place.child("steps").index(index);
        diagnostics.push(Diagnostic::error(codes::FLOW_STEP, why).at(place));
    }
    (steps.len() == config.steps.len()).then_some(steps)
}

fn flow(name: &str, config: &FlowConfig, steps: &[&Arc<Operation>], before: Option<&Arc<Flow>>) -> Flow {
    let steps: Box<[Box<str>]> = steps.iter().map(|operation| (*operation.id).into()).collect();
    let per = match config.per {
        PerConfig::Subject => Per::Subject,
        PerConfig::Session => Per::Session,
        PerConfig::Object => Per::Object,
    };
    let fresh = Runs::new(config.remembered as usize);
    // How far callers have come outlives a reload, unless it means something else now.
    let runs = before
        .filter(|flow| flow.steps == steps && flow.per == per && flow.runs.most() == fresh.most())
        .map_or_else(|| Arc::new(fresh), |flow| Arc::clone(&flow.runs));
    Flow {
        name: name.into(),
        steps,
        per,
        pace: Pace {
            within: config.within.0,
            at_least: config.min_pace.map_or(Duration::ZERO, |pace| pace.0),
        },
        too_fast: match &config.too_fast {
            TooFastConfig::Deny => TooFast::Deny,
            TooFastConfig::StepUp(contexts) => {
                TooFast::StepUp(contexts.iter().map(|context| context.as_str().into()).collect())
            }
        },
        strength: strength(config.mode),
        runs,
    }
}
