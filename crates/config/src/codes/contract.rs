//! OpenAPI documents (C0300 to C0399).

codes! {
    OPENAPI_VERSION = "C0300" {
        title: "document is not an OpenAPI document that is read",
        means: "The document does not begin with an `openapi` version of 3.0, 3.1 or 3.2.",
        matters: "The contract is the first half of the policy: without it nothing is known to be allowed.",
        mend: "Point `contract` at an OpenAPI 3 document; convert Swagger 2.0 documents first.",
    }
    OPENAPI_STRUCTURE = "C0301" {
        title: "document does not have the structure of OpenAPI",
        means: "A part of the document is missing, of the wrong kind, or in a place where OpenAPI has nothing.",
        matters: "A section that nobody reads is a rule that nobody enforces.",
        mend: "Mend the part at the place shown; sections of your own begin with `x-`.",
    }
    REFERENCE_UNRESOLVED = "C0302" {
        title: "reference leads nowhere",
        means: "A `$ref` names a place or a document that is not there, or that may not be read.",
        matters: "What it stands for cannot be enforced.",
        mend: "Mend the reference, or allow the folder that the other document is in.",
    }
    REFERENCE_LOOP = "C0303" {
        title: "references go round",
        means: "Following a `$ref` leads from one reference to the next without reaching anything.",
        matters: "What it stands for cannot be enforced.",
        mend: "Let one of the references lead to a definition.",
    }
    EXTENSION_MALFORMED = "C0304" {
        title: "extension is malformed",
        means: "An `x-portcullis-…` extension does not have the form that it must have.",
        matters: "It was written to change what is enforced, and would not.",
        mend: "Write it as the message describes.",
    }
    PATH_MALFORMED = "C0305" {
        title: "path is malformed",
        means: "A key under `paths` is not a path template, or one that cannot be matched in one way only.",
        matters: "A path that two parties read differently is a way around the checks of one of them.",
        mend: "Begin it with `/`, close all braces, and separate parameters from each other by text.",
    }
    PATH_REPEATED = "C0306" {
        title: "path is declared twice",
        means: "Two paths match the same requests because they differ only in the names of their parameters.",
        matters: "Which of the two would hold is anybody's guess.",
        mend: "Put all methods under one path.",
    }
    PATH_UNREACHABLE = "C0307" {
        title: "path is never reached",
        means: "The path holds an empty segment, dots, `;`, a backslash or an encoded slash.",
        matters: "Requests with such paths are refused before they are matched, since servers read them differently.",
        mend: "Rename the path in the API, or remove it from the document.",
    }
    PATH_PARAMETER_UNDECLARED = "C0308" {
        title: "path parameter is not declared",
        means: "A name in braces has no parameter with `in: path`.",
        matters: "Any text passes where an identifier was meant.",
        mend: "Declare the parameter with a schema.",
    }
    PATH_PARAMETER_UNUSED = "C0309" {
        title: "path parameter has no place",
        means: "A parameter with `in: path` does not occur in the path.",
        matters: "It is not enforced; perhaps another one, misspelled, should have been.",
        mend: "Let name and braces agree.",
    }
    OPERATION_ID_REPEATED = "C0310" {
        title: "operation id is used twice",
        means: "Two operations have the same `operationId`.",
        matters: "A rule for one of them would hold for the other.",
        mend: "Give each operation an id of its own.",
    }
    METHOD_NEVER_SERVED = "C0311" {
        title: "method is never served",
        means: "The method is TRACE or CONNECT, or no method at all.",
        matters: "TRACE echoes credentials to scripts, and CONNECT opens tunnels.",
        mend: "Remove the operation.",
    }
    EXTENSION_UNKNOWN = "C0312" {
        title: "extension is not known here",
        means: "A name that begins with `x-portcullis-` is misspelled, or stands where nobody reads it.",
        matters: "It was written to change what is enforced, and would not.",
        mend: "Mend the name, or move it to the operation.",
    }
    SECURITY_UNDECLARED = "C0315" {
        title: "nobody says who may call an operation",
        means: "Neither the operation nor the document has a security requirement, or it is empty.",
        matters: "An operation that is open by omission is the most common hole of all (OWASP API2:2023).",
        mend: "Add `security`, or say `x-portcullis-access: public`, in the document or in `portcullis.yaml`.",
    }
    SECURITY_SCHEME_UNKNOWN = "C0316" {
        title: "security scheme is not declared",
        means: "A security requirement names a scheme that `components.securitySchemes` does not have.",
        matters: "No credential could satisfy it.",
        mend: "Mend the name, or declare the scheme.",
    }
    SECURITY_SCHEME_MALFORMED = "C0317" {
        title: "security scheme is malformed",
        means: "A security scheme lacks what its type needs, or has a type that OpenAPI does not know.",
        matters: "Credentials of this scheme cannot be looked for.",
        mend: "Complete the scheme as the message describes.",
    }
    ACCESS_CONTRADICTORY = "C0318" {
        title: "operation is public and asks for a credential",
        means: "The operation has both a security requirement of its own and the mark of a public one.",
        matters: "One of the two is a mistake, and guessing which could open the operation to all.",
        mend: "Remove one of the two.",
    }
    ANONYMOUS_ALTERNATIVE_IGNORED = "C0319" {
        title: "alternative without a credential is not honored",
        means: "`security` lists `{}` beside other alternatives.",
        matters: "Read by the letter, every credential would be optional there; a credential is asked for instead.",
        mend: "Say `x-portcullis-access: public` at the operation if anybody may call it.",
    }
    SCOPE_UNLISTED = "C0320" {
        title: "scope is not listed by its scheme",
        means: "A requirement asks for a scope that no flow of the scheme lists.",
        matters: "It is required all the same; if it is misspelled, nobody can call the operation.",
        mend: "Mend the scope, or list it in the scheme's flows.",
    }
    SERVERS_IGNORED = "C0321" {
        title: "servers of a single path are not followed",
        means: "A path or an operation has `servers` of its own.",
        matters: "Requests go to the upstream of the API, which may not be where the document says.",
        mend: "Make it an API of its own in `portcullis.yaml`, with its own upstream.",
    }
    LIFECYCLE_REVERSED = "C0326" {
        title: "sunset comes before deprecation",
        means: "`sunset_at` is earlier than `deprecated_at`.",
        matters: "Clients would lose the operation before they are told (RFC 9745 §4).",
        mend: "Let the sunset come at the deprecation or after it.",
    }
    SCHEMA_MALFORMED = "C0330" {
        title: "schema is malformed",
        means: "A schema, or a keyword in it, does not have the form that it must have.",
        matters: "It cannot be enforced.",
        mend: "Mend the keyword at the place shown; OpenAPI 3.0 and 3.1 write some of them differently.",
    }
    SCHEMA_LOOP = "C0331" {
        title: "schema leads back to itself",
        means: "A schema refers to itself without going into a property or an item.",
        matters: "Checking any value against it would never end.",
        mend: "Remove the reference; it says nothing.",
    }
    KEYWORD_NOT_ENFORCED = "C0332" {
        title: "schema keyword is not enforced",
        means: "The keyword is unknown, belongs to another version, or asks for something that is not done here.",
        matters: "Values pass that the document seems to refuse.",
        mend: "Mend its spelling, or say the same with other keywords.",
    }
    FORMAT_NOT_ENFORCED = "C0333" {
        title: "format is not enforced",
        means: "The `format` is not known.",
        matters: "Values pass that do not have it.",
        mend: "Say what is meant with `pattern`, `enum` or bounds.",
    }
    PATTERN_NOT_ENFORCED = "C0334" {
        title: "pattern is not enforced",
        means: "The pattern needs look-around or back-references, is too large, or is no pattern.",
        matters: "Matching it could take a stranger's choice of time, so it is not matched at all.",
        mend: "Write it without look-around and back-references.",
    }
    PROPERTY_UNDESCRIBED = "C0335" {
        title: "required property is not described",
        means: "`required` names a property that no schema describes.",
        matters: "Any value passes there.",
        mend: "Describe it under `properties`.",
    }
    OBJECT_DESCRIBED_TWICE = "C0336" {
        title: "object is described in two places",
        means: "Two schemas that hold together each list members of the same property.",
        matters: "It cannot be closed: members that neither names are let through.",
        mend: "Describe the property in one schema.",
    }
    VALUE_UNBOUNDED = "C0337" {
        title: "value has no bound",
        means: "A schema of a request sets no length, range, item count or list of properties.",
        matters: "What is unbounded costs memory and time behind the gateway (OWASP API4:2023).",
        mend: "Add `maxLength`, `maxItems`, `minimum` and `maximum`, or `properties`.",
    }
    DIALECT_UNKNOWN = "C0338" {
        title: "schema dialect is not known",
        means: "`jsonSchemaDialect` names a dialect other than JSON Schema 2020-12 or OpenAPI's own.",
        matters: "Keywords that mean something else there are read as 2020-12 has them.",
        mend: "Remove it, or write the schemas in JSON Schema 2020-12.",
    }
    SCHEMA_REFUSED = "C0339" {
        title: "schemas are not taken by the validator",
        means: "The schemas are well-formed one by one, and could not be compiled together.",
        matters: "Nothing of the contract could be enforced.",
        mend: "Report it with the document: this is a defect of Portcullis.",
    }
    PARAMETER_MALFORMED = "C0340" {
        title: "parameter is malformed",
        means: "A parameter lacks a part, has two that exclude each other, or is declared twice.",
        matters: "It cannot be enforced.",
        mend: "Mend the parameter as the message describes.",
    }
    PARAMETER_NOT_ENFORCED = "C0341" {
        title: "parameter is not enforced",
        means: "The parameter is written in a form that is not looked into.",
        matters: "Any value passes there.",
        mend: "Give it a schema and a style, or JSON content.",
    }
    QUERY_OPEN = "C0342" {
        title: "query parameter takes every name",
        means: "An exploded object without a closed list of properties stands in the query.",
        matters: "Query parameters that nobody declared pass.",
        mend: "List its properties and close it, or use the style `deepObject`.",
    }
    BODY_NOT_CHECKED = "C0350" {
        title: "content of a body is not checked",
        means: "The media type is not looked into, or has no schema.",
        matters: "Only its size is bounded: what is in it reaches the API as it came.",
        mend: "Use JSON or a form with a schema where you can.",
    }
    MEDIA_TYPE_MALFORMED = "C0351" {
        title: "media type is malformed",
        means: "A key under `content` is not a media type or media range.",
        matters: "No request could match it.",
        mend: "Write it as `application/json` or `image/*`.",
    }
    ANSWER_NOT_FILTERED = "C0353" {
        title: "part of an answer is not filtered",
        means: "A schema of an answer is too large, or matches names in a way that cannot be followed.",
        matters: "Members that no schema declares pass there, and nobody is told.",
        mend: "Divide the schema, or write the pattern without look-around and back-references.",
    }
    ANSWER_HIDDEN_IN_ALL = "C0354" {
        title: "what one alternative hides is hidden in all",
        means: "A schema in `anyOf` or `oneOf`, or one that builds on another with a `discriminator`, is hidden or masked as a whole.",
        matters: "Which alternative a value follows is not known when it passes, so values of all of them are hidden or masked.",
        mend: "Say it at the members of the alternative that are to be hidden.",
    }
}
