//! Decision points outside, grants and workflows (C1000 to C1099).

codes! {
    DECISION_POINT_ADDRESS = "C1001" {
        title: "decision point cannot be reached there",
        means: "The address of a decision point is no https URL, or an http URL of another machine, or carries a user name, a password or a fragment.",
        matters: "Whoever can answer in place of the decision point decides who is let in.",
        mend: "Write an https address. Plain http is possible to a loopback address, with `allow_private_network: true`.",
    }
    DECISION_POINT_UNKNOWN = "C1002" {
        title: "no such decision point",
        means: "`ask:` names a decision point that is not declared.",
        matters: "Nobody would be asked.",
        mend: "Declare it under `decision_points:`, or correct the name.",
    }
    DECISION_FACT = "C1003" {
        title: "fact cannot be told",
        means: "A fact for a decision point has an unknown kind, no name, a malformed JSON pointer, or is a header that carries a credential.",
        matters: "The decision point would decide without it; a credential must reach nobody but the gateway.",
        mend: "Write `roles`, `scopes`, `acr`, `client`, `address`, `claim:NAME`, `path:NAME`, `query:NAME`, `header:NAME` or `body:/POINTER`.",
    }
    DECISION_FAILS_OPEN = "C1004" {
        title: "decision point fails open",
        means: "A decision point has `on_failure: allow`.",
        matters: "Whoever can keep it from answering is let in by the gateway's own rules alone.",
        mend: "Write `on_failure: deny`, unless those rules are enough by themselves.",
    }
    FLOW_STEP = "C1011" {
        title: "no such step",
        means: "A step of a flow is no operation of the API, or the same operation twice.",
        matters: "The order would not be kept.",
        mend: "Write an operation id, or `METHOD /path` as in the document, each once.",
    }
    FLOW_UNTOLD = "C1012" {
        title: "whose step it is cannot be told",
        means: "A step of a flow is a public operation, or with `per: object` it has no place for the object's id and is not the first.",
        matters: "Steps of different callers or objects could not be told apart.",
        mend: "Give the operation a security requirement, or name the place of the id under `object`.",
    }
    FLOW_LOCAL = "C1013" {
        title: "flow is known to one gateway",
        means: "An API has flows, and several gateways can share the store.",
        matters: "A step that another gateway let through is not known here, and the next one would be refused.",
        mend: "Have a load balancer bring the calls of one caller to one gateway, or run one.",
    }
}
