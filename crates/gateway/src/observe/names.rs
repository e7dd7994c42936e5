//! Numbers for operations, which outlive the policies that serve them.
//!
//! A worker counts by number, so that a count is right whichever policy the request began under. Filled when a
//! policy is compiled; read when counts are written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_domain::UsedOperation;

use super::counts::OperationId;

/// All operations that any policy of this process had. They are the operator's, so they are few.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    numbers: HashMap<Arc<UsedOperation>, OperationId>,
    names: Vec<Arc<UsedOperation>>,
}

impl Names {
    /// The number of an operation; the empty id is what an API does not declare.
    pub(crate) fn number(&self, api: &str, version: &str, operation: &str) -> OperationId {
        let name = UsedOperation { api: api.into(), version: version.into(), operation: operation.into() };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = known.numbers.get(&name) {
            return *number;
        }
        let name = Arc::new(name);
        let number = OperationId(u32::try_from(known.names.len()).unwrap_or(u32::MAX));
        known.names.push(Arc::clone(&name));
        known.numbers.insert(name, number);
        number
    }

    /// The operation of this number.
    pub(crate) fn of(&self, number: OperationId) -> Option<Arc<UsedOperation>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.names.get(usize::try_from(number.0).ok()?).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_keeps_its_number() {
        let names = Names::default();
        let first = names.number("shop", "1", "getOrder");
        assert_ne!(names.number("shop", "2", "getOrder"), first);
        assert_eq!(names.number("shop", "1", "getOrder"), first);
        assert_eq!(names.of(first).map(|name| name.operation.clone()).as_deref(), Some("getOrder"));
        assert_eq!(names.of(OperationId(7)), None);
    }
}
