//! Comparing the members of two objects: which there are, which must be there, and which way they go.

use super::Code;
use super::facts::Facts;
use super::schemas::{Direction, Run};
use super::sensitive::is_sensitive;

impl Run<'_, '_> {
    pub(super) fn members(&mut self, old: &Facts<'_>, new: &Facts<'_>, what: &str) {
        for (name, before) in &old.members {
            let inner = format!("{what}/{name}");
            let Some(facts) = Facts::of(before) else { continue };
            let Some(now) = new.members.get(name) else {
                let code = match self.direction {
                    Direction::Request if facts.read_only => continue,
                    Direction::Answer if facts.write_only => continue,
                    Direction::Request => Code::PropertyRemoved,
                    Direction::Answer => Code::ResponsePropertyRemoved,
                };
                self.add(code, &facts.node, &new.node, format!("{inner} is gone"));
                continue;
            };
            let Some(facts_now) = Facts::of(now) else { continue };
            self.passage(name, &facts, &facts_now, &inner);
            let is_hidden = match self.direction {
                Direction::Request => facts.read_only || facts_now.read_only,
                Direction::Answer => facts.write_only || facts_now.write_only,
            };
            if is_hidden {
                continue;
            }
            self.requirement(name, old, new, &inner);
            self.values(before, now, &inner);
        }
        for (name, now) in &new.members {
            let Some(facts) = Facts::of(now).filter(|_| !old.members.contains_key(name)) else { continue };
            let inner = format!("{what}/{name}");
            match self.direction {
                Direction::Request if new.required.contains(name) && !facts.read_only => {
                    self.add(Code::PropertyRequired, &old.node, &facts.node, format!("{inner} must be sent"));
                }
                Direction::Answer if !facts.write_only => {
                    self.add(exposure(name, &facts), &old.node, &facts.node, format!("{inner} is shown"));
                }
                Direction::Request | Direction::Answer => {}
            }
        }
    }

    /// Whether a member that was in both documents goes the same way in both.
    fn passage(&mut self, name: &str, old: &Facts<'_>, new: &Facts<'_>, inner: &str) {
        let (at_old, at_new) = (&old.node, &new.node);
        match self.direction {
            Direction::Request if old.read_only && !new.read_only => {
                self.add(Code::ReadOnlyLost, at_old, at_new, format!("{inner} can be set by clients"));
            }
            Direction::Request if !old.read_only && new.read_only => {
                self.add(Code::ReadOnlyAdded, at_old, at_new, format!("{inner} can no longer be sent"));
            }
            Direction::Answer if old.write_only && !new.write_only => {
                self.add(Code::WriteOnlyLost, at_old, at_new, format!("{inner} is shown, and was only sent"));
            }
            Direction::Answer if !old.write_only && new.write_only => {
                let sentence = format!("`{name}` is no longer shown: {inner}");
                self.add(Code::ResponsePropertyRemoved, at_old, at_new, sentence);
            }
            Direction::Request | Direction::Answer => {}
        }
    }

    fn requirement(&mut self, name: &str, old: &Facts<'_>, new: &Facts<'_>, inner: &str) {
        let (was, is) = (old.required.contains(name), new.required.contains(name));
        let (code, sentence) = match (self.direction, was, is) {
            (_, true, true) | (_, false, false) | (Direction::Answer, false, true) => return,
            (Direction::Request, false, true) => (Code::PropertyRequired, "must be sent"),
            (Direction::Request, true, false) => (Code::RequiredDropped, "need not be sent any more"),
            (Direction::Answer, true, false) => (Code::ResponsePropertyOptional, "may be missing"),
        };
        self.add(code, &old.node, &new.node, format!("{inner} {sentence}"));
    }
}

/// How bad it is that a member is shown.
fn exposure(name: &str, facts: &Facts<'_>) -> Code {
    if is_sensitive(name, facts) { Code::SensitiveFieldExposed } else { Code::FieldExposed }
}
