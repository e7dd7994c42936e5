//! Types of objects and whose they are (C0900 to C0999).

codes! {
    OBJECT_OPERATION = "C0901" {
        title: "no such operation",
        means: "A type of object names an operation that the API's contract does not have.",
        matters: "What is made, shared or deleted by it would never be learned.",
        mend: "Write an operation id, or `METHOD /path` as in the document.",
    }
    OBJECT_PARAMETER = "C0902" {
        title: "no such parameter",
        means: "A type of object names a parameter that no operation of the API has where it is looked for.",
        matters: "The ids would never be seen, and nothing would be guarded.",
        mend: "Write the parameter's name as in the document, and check `under`.",
    }
    OBJECT_PLACE = "C0903" {
        title: "place of an id cannot be read",
        means: "A place names none or several of `path`, `query`, `header`, `body` and `graphql`, or its JSON pointer does not begin with a slash.",
        matters: "Nobody could tell where the id is.",
        mend: "Name exactly one place, such as `{ path: orderId }` or `{ body: /items/*/order_id }`.",
    }
    OBJECT_VERIFY = "C0904" {
        title: "nothing to verify by",
        means: "A type of object says `unknown: verify`, and no answer says whose its objects are.",
        matters: "Nothing could be verified.",
        mend: "Add `owner: { response: /owner_id }` with the place where the upstream's answer names the owner.",
    }
    OBJECT_ISSUER = "C0905" {
        title: "whose subjects own is not clear",
        means: "Owners are named in bodies or answers, and the API accepts the subjects of several issuers, or `issuer` is none of `identity`.",
        matters: "Two issuers may both know an `alice`, and one would own what is the other's.",
        mend: "Name the entry of `identity` under `issuer`.",
    }
    OBJECT_PARENT = "C0906" {
        title: "no such type of object",
        means: "A type of object lies in a type that the API does not declare.",
        matters: "Nobody could tell whether an object lies where it is looked for.",
        mend: "Declare the parent under `objects`, or correct the name.",
    }
    OBJECT_BODY = "C0907" {
        title: "body is not read",
        means: "An id or a name is looked for in the body of an operation that takes none, or whose body is handed on unread.",
        matters: "It would never be found.",
        mend: "Declare a JSON body in the document, or name another place.",
    }
    OBJECT_MEMBER = "C0908" {
        title: "member is not described",
        means: "An id or an owner is looked for in a member of a body that the document describes without it.",
        matters: "If it is a misspelling, the id is never seen and nothing is guarded.",
        mend: "Correct the pointer, or describe the member in the document.",
    }
    OBJECT_WATCHED = "C0909" {
        title: "place that looks like an id is only watched",
        means: "An operation takes something that is called like an id of this type, at a place that `id` does not name.",
        matters: "Whoever sends the id of somebody else's object there is recorded, and passes.",
        mend: "Add the place to `id`; or to `not_ids`, if it is none.",
    }
}
