//! What `ctl:` says, and the words that settings share with it.

use super::{BodyProcessor, Ctl, EngineMode, IdRange, Switch};
use crate::seclang::target::{Target, targets};

/// Reads what stands behind `ctl:`.
pub(super) fn ctl(text: &str) -> Result<Ctl, String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`ctl:{text}` has no value"))?;
    let parted = || -> Result<(&str, Vec<Target>), String> {
        let (rules, target) = value
            .split_once(';')
            .ok_or_else(|| format!("`ctl:{name}` needs rules and a target, split by `;`"))?;
        Ok((rules, targets(target)?))
    };
    Ok(match name.to_ascii_lowercase().as_str() {
        "ruleengine" => Ctl::RuleEngine(engine_mode(value)?),
        "auditengine" => Ctl::AuditEngine,
        "auditlogparts" => Ctl::AuditLogParts,
        "debugloglevel" => Ctl::DebugLogLevel,
        "forcerequestbodyvariable" => Ctl::ForceRequestBodyVariable(switch(value)?),
        "requestbodyaccess" => Ctl::RequestBodyAccess(switch(value)?),
        "responsebodyaccess" => Ctl::ResponseBodyAccess(switch(value)?),
        "requestbodyprocessor" => Ctl::RequestBodyProcessor(body_processor(value)?),
        "ruleremovebyid" => Ctl::RemoveById(id_range(value)?),
        "ruleremovebymsg" => Ctl::RemoveByMsg(value.to_owned()),
        "ruleremovebytag" => Ctl::RemoveByTag(value.to_owned()),
        "ruleremovetargetbyid" => {
            let (rules, targets) = parted()?;
            Ctl::RemoveTargetById(id_range(rules)?, targets)
        }
        "ruleremovetargetbymsg" => {
            let (rules, targets) = parted()?;
            Ctl::RemoveTargetByMsg(rules.to_owned(), targets)
        }
        "ruleremovetargetbytag" => {
            let (rules, targets) = parted()?;
            Ctl::RemoveTargetByTag(rules.to_owned(), targets)
        }
        _ => return Err(format!("`ctl:{name}` is none that is known")),
    })
}

/// Reads `On`, `Off` or `DetectionOnly`.
pub(in crate::seclang) fn engine_mode(text: &str) -> Result<EngineMode, String> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "on" => EngineMode::On,
        "off" => EngineMode::Off,
        "detectiononly" => EngineMode::DetectionOnly,
        _ => return Err(format!("`{text}` is not `On`, `Off` or `DetectionOnly`")),
    })
}

/// Reads `On` or `Off`.
pub(in crate::seclang) fn switch(text: &str) -> Result<Switch, String> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "on" => Switch::On,
        "off" => Switch::Off,
        _ => return Err(format!("`{text}` is not `On` or `Off`")),
    })
}

fn body_processor(text: &str) -> Result<BodyProcessor, String> {
    Ok(match text.to_ascii_uppercase().as_str() {
        "URLENCODED" => BodyProcessor::UrlEncoded,
        "JSON" => BodyProcessor::Json,
        "MULTIPART" => BodyProcessor::Multipart,
        "XML" => BodyProcessor::Xml,
        _ => return Err(format!("`{text}` is not `URLENCODED`, `JSON`, `MULTIPART` or `XML`")),
    })
}

/// Reads `942100` or `942100-942199`.
pub(in crate::seclang) fn id_range(text: &str) -> Result<IdRange, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let id = |text: &str| text.trim().parse::<u32>().map_err(|_| format!("`{text}` is no id"));
    match (id(first)?, id(last)?) {
        (first, last) if first > last => Err(format!("the range `{text}` runs backwards")),
        (first, last) => Ok(IdRange { first, last }),
    }
}
