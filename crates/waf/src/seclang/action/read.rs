//! Actions as they are written.

use super::ctl::ctl;
use super::{Action, Allowed, Change, Disruption, Logging, Phase, SetVar, Severity};
use crate::seclang::template::Template;
use crate::seclang::transformation::Step;
use crate::seclang::variable::Variable;

/// Reads the actions of a rule.
///
/// # Errors
/// The first that is none, for people.
pub fn actions(text: &str) -> Result<Vec<Action>, String> {
    parts(text)?.into_iter().map(|(name, value)| action(&name, value.as_deref())).collect()
}

/// Names and values, split at commas outside of quotation marks.
fn parts(text: &str) -> Result<Vec<(String, Option<String>)>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let length = rest.find([',', ':']).unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default().trim().to_owned();
        if name.is_empty() {
            return Err("an action is missing between two commas".to_owned());
        }
        let after = rest.get(length..).unwrap_or_default();
        let (value, after) = match after.strip_prefix(':') {
            None => (None, after),
            Some(after) => {
                let (value, after) = value(after.trim_start())?;
                (Some(value), after)
            }
        };
        found.push((name, value));
        rest = match after.trim_start().strip_prefix(',') {
            Some(after) if after.trim().is_empty() => return Err("a comma ends the actions".to_owned()),
            Some(after) => after.trim_start(),
            None if after.trim().is_empty() => "",
            None => return Err(format!("`{}` follows an action", after.trim())),
        };
    }
    Ok(found)
}

fn value(text: &str) -> Result<(String, &str), String> {
    let Some(quoted) = text.strip_prefix('\'') else {
        let length = text.find(',').unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(length).unwrap_or((text, ""));
        return Ok((value.trim_end().to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, next)) = characters.next() {
        match next {
            '\\' if characters.peek().is_some_and(|(_, after)| *after == '\'') => {
                value.push('\'');
                characters.next();
            }
            '\'' => return Ok((value, quoted.get(at + 1..).unwrap_or_default())),
            _ => value.push(next),
        }
    }
    Err(format!("`{text}` is not closed"))
}

fn action(name: &str, value: Option<&str>) -> Result<Action, String> {
    let lower = name.to_ascii_lowercase();
    let needed = || value.filter(|value| !value.is_empty()).ok_or_else(|| format!("`{name}` needs a value"));
    let bare = |action: Action| match value {
        None => Ok(action),
        Some(_) => Err(format!("`{name}` takes no value")),
    };
    let number = || needed()?.parse::<u32>().map_err(|_| format!("`{name}` needs a whole number"));
    let digit = || match number()? {
        rank @ 1..=9 => Ok(rank as u8),
        _ => Err(format!("`{name}` is 1 to 9")),
    };
    match lower.as_str() {
        "id" => match number()? {
            0 => Err("an id is at least 1".to_owned()),
            id => Ok(Action::Id(id)),
        },
        "phase" => needed().and_then(phase).map(Action::Phase),
        "pass" => bare(Action::Disruptive(Disruption::Pass)),
        "block" => bare(Action::Disruptive(Disruption::Block)),
        "deny" => bare(Action::Disruptive(Disruption::Deny)),
        "drop" => bare(Action::Disruptive(Disruption::Drop)),
        "allow" => allowed(value).map(|reach| Action::Disruptive(Disruption::Allow(reach))),
        "t" => needed().and_then(Step::parse).map(Action::Transform),
        "multimatch" => bare(Action::MultiMatch),
        "capture" => bare(Action::Capture),
        "chain" => bare(Action::Chain),
        "log" => bare(Action::Log(Logging::Log)),
        "nolog" => bare(Action::Log(Logging::NoLog)),
        "auditlog" => bare(Action::Log(Logging::AuditLog)),
        "noauditlog" => bare(Action::Log(Logging::NoAuditLog)),
        "msg" => Ok(Action::Msg(Template::parse(value.unwrap_or_default())?)),
        "logdata" => Ok(Action::LogData(Template::parse(value.unwrap_or_default())?)),
        "tag" => Ok(Action::Tag(Template::parse(needed()?)?)),
        "severity" => needed().and_then(severity).map(Action::Severity),
        "ver" => Ok(Action::Ver(needed()?.to_owned())),
        "rev" => Ok(Action::Rev(needed()?.to_owned())),
        "maturity" => digit().map(Action::Maturity),
        "accuracy" => digit().map(Action::Accuracy),
        "status" => match number()? {
            status @ 100..=599 => Ok(Action::Status(status as u16)),
            status => Err(format!("{status} is no status")),
        },
        "setvar" => needed().and_then(set_var).map(Action::SetVar),
        "initcol" => needed().and_then(init_col),
        "expirevar" => Ok(Action::ExpireVar(needed()?.to_owned())),
        "skipafter" => Ok(Action::SkipAfter(needed()?.to_owned())),
        "skip" => number().map(Action::Skip),
        "ctl" => needed().and_then(ctl).map(Action::Ctl),
        "exec"
        | "redirect"
        | "proxy"
        | "pause"
        | "append"
        | "prepend"
        | "setenv"
        | "setuid"
        | "setsid"
        | "setrsc"
        | "deprecatevar"
        | "sanitisearg"
        | "sanitisematched"
        | "sanitisematchedbytes"
        | "sanitiserequestheader"
        | "sanitiseresponseheader"
        | "xmlns" => Err(format!("the action `{name}` is not supported")),
        _ => Err(format!("`{name}` is no action")),
    }
}

fn phase(text: &str) -> Result<Phase, String> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "1" => Phase::RequestHeaders,
        "2" | "request" => Phase::RequestBody,
        "3" => Phase::ResponseHeaders,
        "4" | "response" => Phase::ResponseBody,
        "5" | "logging" => Phase::Logging,
        _ => return Err(format!("`{text}` is no phase: 1 to 5, `request`, `response` or `logging`")),
    })
}

fn allowed(value: Option<&str>) -> Result<Allowed, String> {
    Ok(match value {
        None => Allowed::Everything,
        Some("phase") => Allowed::Phase,
        Some("request") => Allowed::Request,
        Some(other) => {
            return Err(format!("`allow:{other}` is none: `allow`, `allow:phase` or `allow:request`"));
        }
    })
}

fn severity(text: &str) -> Result<Severity, String> {
    Ok(match text.to_ascii_uppercase().as_str() {
        "0" | "EMERGENCY" => Severity::Emergency,
        "1" | "ALERT" => Severity::Alert,
        "2" | "CRITICAL" => Severity::Critical,
        "3" | "ERROR" => Severity::Error,
        "4" | "WARNING" => Severity::Warning,
        "5" | "NOTICE" => Severity::Notice,
        "6" | "INFO" => Severity::Info,
        "7" | "DEBUG" => Severity::Debug,
        _ => return Err(format!("`{text}` is no severity")),
    })
}

fn set_var(text: &str) -> Result<SetVar, String> {
    let (unset, text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (left, right) = match text.split_once('=') {
        Some((left, right)) => (left, Some(right)),
        None => (text, None),
    };
    let (collection, name) =
        left.trim().split_once('.').ok_or_else(|| format!("`{left}` is no variable of a collection"))?;
    let collection = settable(collection)?;
    let change = match (unset, right) {
        (true, _) => Change::Unset,
        // ModSecurity: without a value it becomes 1.
        (false, None) => Change::To(Template::parse("1")?),
        (false, Some(right)) => match right.strip_prefix(['+', '-']) {
            Some(amount) if right.starts_with('+') => Change::By(amount_of(amount)?),
            Some(amount) => Change::Less(amount_of(amount)?),
            None => Change::To(Template::parse(right)?),
        },
    };
    Ok(SetVar { collection, name: Template::parse(name)?, change })
}

fn amount_of(text: &str) -> Result<Template, String> {
    let template = Template::parse(text)?;
    match template.literal() {
        Some(literal) if literal.trim().parse::<i64>().is_err() => {
            Err(format!("`{literal}` is no whole number"))
        }
        Some(_) | None => Ok(template),
    }
}

fn settable(name: &str) -> Result<Variable, String> {
    use Variable::{Global, Ip, Resource, Session, Tx, User};
    Variable::from_name(name)
        .filter(|variable| matches!(variable, Global | Ip | Resource | Session | Tx | User))
        .ok_or_else(|| format!("`{name}` is no collection that can be set"))
}

fn init_col(text: &str) -> Result<Action, String> {
    let (name, key) = text.split_once('=').ok_or_else(|| format!("`{text}` has no key"))?;
    match settable(name)? {
        Variable::Tx => Err("`tx` needs no opening".to_owned()),
        collection => Ok(Action::InitCol(collection, Template::parse(key)?)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seclang::action::Ctl;

    #[test]
    fn actions_are_read_with_commas_in_quotation_marks() {
        let read = actions(
            "id:942100, phase:2,block,t:none,t:urlDecodeUni,msg:'It''s not',\
             msg:'a, b: \\'c\\'',setvar:'tx.sql_score=+%{tx.critical_anomaly_score}',severity:'CRITICAL',nolog",
        );
        assert!(read.is_err(), "text after a closed quotation");
        let read = actions(
            "id:942100, phase:2,block,t:none,msg:'a, b: \\'c\\'',setvar:'tx.n=+%{tx.critical}',severity:'CRITICAL',nolog",
        )
        .unwrap();
        assert_eq!(read.len(), 8);
        assert_eq!(read[4], Action::Msg(Template::parse("a, b: 'c'").unwrap()));
        assert_eq!(
            read[5],
            Action::SetVar(SetVar {
                collection: Variable::Tx,
                name: Template::parse("n").unwrap(),
                change: Change::By(Template::parse("%{tx.critical}").unwrap()),
            })
        );
        for bad in [
            "id:0",
            "id:x",
            "nothing",
            "phase:6",
            "pass:1",
            "t:",
            "msg:'open",
            "id:1,,deny",
            "id:1,",
            "setvar:tx",
            "setvar:args.x=1",
            "setvar:tx.a=+x",
            "ctl:nothing=1",
            "ctl:ruleRemoveTargetById=1",
            "status:99",
            "exec:/bin/sh",
            "severity:BAD",
            "ctl:ruleRemoveById=9-1",
        ] {
            assert!(actions(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn exclusions_by_ctl_name_rules_and_targets() {
        let read =
            actions("ctl:ruleRemoveTargetByTag=xss-perf-disable;REQUEST_FILENAME,ctl:ruleRemoveById=1-9")
                .unwrap();
        let Action::Ctl(Ctl::RemoveTargetByTag(tag, targets)) = &read[0] else { panic!("{read:?}") };
        assert_eq!((tag.as_str(), targets[0].variable), ("xss-perf-disable", Variable::RequestFilename));
        let Action::Ctl(Ctl::RemoveById(range)) = &read[1] else { panic!("{read:?}") };
        assert!(range.holds(1) && range.holds(9) && !range.holds(10));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z:,'=;%{}.+\\\\ 0-9]{0,80}") {
            let _ = actions(&text);
        }
    }
}
