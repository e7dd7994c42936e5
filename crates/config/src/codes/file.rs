//! Files, structure, values and secrets (C0001 to C0099).

codes! {
    FILE_UNREADABLE = "C0001" {
        title: "file cannot be read",
        means: "The file does not exist, is not a regular file, or may not be read by this user.",
        matters: "Without its configuration the gateway lets nothing through.",
        mend: "Check the path, which is relative to the main configuration file, and its permissions.",
    }
    FILE_TOO_LARGE = "C0002" {
        title: "file is too large",
        means: "The file has more bytes than a configuration file or an API contract may have.",
        matters: "A file without bounds could use up the memory of the gateway at start or reload.",
        mend: "Split the document, or remove embedded examples and media.",
    }
    SYNTAX = "C0010" {
        title: "file is not well-formed",
        means: "The text cannot be read as YAML 1.2, or as JSON for a file named `*.json`.",
        matters: "A file that can be read in two ways would be enforced in one and believed in the other.",
        mend: "Mend the text at the place shown; often a quote, a colon or the indentation is missing.",
    }
    VALUE_REFUSED = "C0020" {
        title: "value is not accepted",
        means: "The value has the right form but cannot be used, for example because it is out of range.",
        matters: "A setting that is silently bent into shape would protect less than it says.",
        mend: "Write a value as the message describes.",
    }
}
