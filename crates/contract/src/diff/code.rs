//! The kinds of change, in one table.

use std::fmt;

/// Whom a change hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// A client that kept the old document may be refused, or may not find what it was promised.
    Breaking,
    /// More is let in, or more is let out, than before.
    Security,
}

impl Class {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Security => "security",
        }
    }
}

macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal, $class:ident; )+) => {
        /// What kind of change it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $( $(#[doc = $doc])+ $name, )+ }

        impl Code {
            /// Every kind.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$name => $code, )+ }
            }

            /// Whom it hurts.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $( Self::$name => Class::$class, )+ }
            }
        }
    };
}

codes! {
    // operations
    /// An operation is no longer there.
    OperationRemoved = "operation_removed", Breaking;
    /// An operation is retired now.
    OperationRetired = "operation_retired", Breaking;
    /// An operation ends earlier than was announced.
    SunsetAdvanced = "sunset_advanced", Breaking;
    /// An operation that was to end lives on, or longer.
    LifecycleExtended = "lifecycle_extended", Security;

    // who may call
    /// An operation takes calls without a credential now.
    BecamePublic = "became_public", Security;
    /// There is a new operation that anybody may call.
    PublicOperationAdded = "public_operation_added", Security;
    /// An alternative needs fewer scopes than any before.
    ScopeRemoved = "scope_removed", Security;
    /// Callers may come with other or fewer credentials than before.
    SecurityLoosened = "security_loosened", Security;
    /// A security scheme with the same name is another.
    SchemeChanged = "scheme_changed", Security;
    /// A credential is needed where none was.
    SecurityAdded = "security_added", Breaking;
    /// Callers need scopes or credentials that they did not.
    SecurityTightened = "security_tightened", Breaking;

    // parameters and bodies
    /// A parameter is no longer taken.
    ParameterRemoved = "parameter_removed", Breaking;
    /// A parameter must be sent now.
    ParameterRequired = "parameter_required", Breaking;
    /// A parameter is written in another way.
    ParameterStyleChanged = "parameter_style_changed", Breaking;
    /// A body is no longer taken.
    BodyRemoved = "body_removed", Breaking;
    /// A body must be sent now.
    BodyRequired = "body_required", Breaking;
    /// A media type of the body is no longer taken.
    MediaTypeRemoved = "media_type_removed", Breaking;
    /// Bodies may be larger.
    BodyLimitRaised = "body_limit_raised", Security;
    /// Bodies must be smaller.
    BodyLimitLowered = "body_limit_lowered", Breaking;

    // schemas of requests
    /// Fewer types are taken.
    TypeNarrowed = "type_narrowed", Breaking;
    /// More types are taken.
    TypeWidened = "type_widened", Security;
    /// A value is no longer taken, or only some are where all were.
    EnumNarrowed = "enum_narrowed", Breaking;
    /// Any value is taken where only some were.
    EnumRemoved = "enum_removed", Security;
    /// A bound is narrower or new.
    BoundTightened = "bound_tightened", Breaking;
    /// A bound is wider.
    BoundLoosened = "bound_loosened", Security;
    /// A bound is gone.
    BoundRemoved = "bound_removed", Security;
    /// A pattern is new or another.
    PatternAdded = "pattern_added", Breaking;
    /// A pattern is gone or another.
    PatternRemoved = "pattern_removed", Security;
    /// A format is new or another.
    FormatAdded = "format_added", Breaking;
    /// A format is gone or another.
    FormatRemoved = "format_removed", Security;
    /// A member is no longer taken.
    PropertyRemoved = "property_removed", Breaking;
    /// A member must be sent now.
    PropertyRequired = "property_required", Breaking;
    /// A parameter, member or body need not be sent any more.
    RequiredDropped = "required_dropped", Security;
    /// Members that are not named are taken now.
    ObjectOpened = "object_opened", Security;
    /// Members that are not named are no longer taken.
    ObjectClosed = "object_closed", Breaking;
    /// A member that only the server set can be sent now.
    ReadOnlyLost = "read_only_lost", Security;
    /// A member can no longer be sent.
    ReadOnlyAdded = "read_only_added", Breaking;
    /// One of several forms is no longer taken.
    AlternativeRemoved = "alternative_removed", Breaking;
    /// One more form is taken.
    AlternativeAdded = "alternative_added", Security;
    /// A condition (`not`, `if`, `contains`, …) is new or another.
    ConditionAdded = "condition_added", Breaking;
    /// A condition is gone or another.
    ConditionRemoved = "condition_removed", Security;

    // answers
    /// An answer that meant success is no longer promised.
    ResponseRemoved = "response_removed", Breaking;
    /// An answer comes no longer in a media type.
    ResponseMediaTypeRemoved = "response_media_type_removed", Breaking;
    /// An answer's header is no longer promised.
    ResponseHeaderRemoved = "response_header_removed", Breaking;
    /// A member of an answer is no longer there.
    ResponsePropertyRemoved = "response_property_removed", Breaking;
    /// A member of an answer may be missing now.
    ResponsePropertyOptional = "response_property_optional", Breaking;
    /// A member of an answer may have a type that it did not.
    ResponseTypeWidened = "response_type_widened", Breaking;
    /// A member of an answer may have a value that it did not.
    ResponseEnumWidened = "response_enum_widened", Breaking;
    /// An answer may have a form that it did not.
    ResponseAlternativeAdded = "response_alternative_added", Breaking;
    /// An answer shows a member that it did not.
    FieldExposed = "field_exposed", Security;
    /// An answer shows a member whose name or format speaks of secrets or people.
    SensitiveFieldExposed = "sensitive_field_exposed", Security;
    /// Answers may hold members that are not named.
    ResponseOpened = "response_opened", Security;
    /// A member that was only ever sent by clients is shown to them now.
    WriteOnlyLost = "write_only_lost", Security;
    /// A member is shown to callers who did not see it.
    VisibleToRemoved = "visible_to_removed", Security;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
