//! Files, structure, values and secrets (C0001 to C0099).

codes! {
    FILE_UNREADABLE = "C0001" {
        title: "file cannot be read",
        means: "The file does not exist, is a directory, or may not be read by this user.",
        matters: "Without its configuration the gateway lets nothing through.",
        mend: "Check the path, which is relative to the main configuration file, and its permissions.",
    }
    FILE_TOO_LARGE = "C0002" {
        title: "file is too large",
        means: "The file has more bytes than may be read, or more values once its aliases are expanded.",
        matters: "A file without bounds could use up the memory of the gateway at start or reload. A few lines of nested YAML aliases can stand for gigabytes.",
        mend: "Split the document, remove embedded examples and media, or repeat values instead of nesting aliases.",
    }
    FILE_EMPTY = "C0003" {
        title: "file is empty",
        means: "The file has no content, or nothing but spaces and comments.",
        matters: "An empty file is more often a failed copy or a wrong path than a wish to configure nothing.",
        mend: "Check the path; start from one of the examples.",
    }
    FILE_NOT_UTF8 = "C0004" {
        title: "file is not plain UTF-8",
        means: "The file is UTF-16 or UTF-32, starts with a byte order mark, or has bytes that are no UTF-8.",
        matters: "Text that is decoded by guessing can be enforced differently from how it was reviewed.",
        mend: "Save the file as UTF-8 without a byte order mark, for example with `iconv -t UTF-8`.",
    }
    FILE_BINARY = "C0005" {
        title: "file holds control characters",
        means: "The file has NUL bytes or other control characters, which have no place in YAML or JSON text.",
        matters: "It is probably not the file that was meant; and control characters can hide text from whoever reads it in a terminal.",
        mend: "Check the path. Write a control character that is really wanted as an escape in double quotes.",
    }
    FILE_TOO_DEEP = "C0006" {
        title: "values nest too deeply",
        means: "Objects and arrays stand inside each other more often than the bound of the reader allows.",
        matters: "Deep nesting exhausts the stack of programs that read it; no configuration or contract needs it.",
        mend: "Flatten the document, or name inner parts and refer to them.",
    }
    SYNTAX = "C0010" {
        title: "file is not well-formed",
        means: "The text cannot be read as YAML 1.2, or as strict JSON where the file is named `*.json`.",
        matters: "A file that can be read in two ways would be enforced in one and believed in the other.",
        mend: "Mend the text at the place shown; often a quote, a colon or the indentation is missing.",
    }
    TAB_IN_INDENTATION = "C0011" {
        title: "tab in the indentation",
        means: "A line of YAML is indented with a tab.",
        matters: "YAML forbids it, because tabs have no width that readers agree on (YAML 1.2.2 §6.1).",
        mend: "Replace the tab with spaces, and tell the editor to insert spaces in YAML files.",
    }
    KEY_REPEATED = "C0012" {
        title: "key is given twice",
        means: "An object has two members of the same name. Numbers and words used as keys count as text.",
        matters: "Some readers take the first and others the last: what is enforced would not be what was reviewed.",
        mend: "Keep one of the two.",
    }
    KEY_REFUSED = "C0013" {
        title: "key is not accepted",
        means: "A key is empty, is not plain text, or is the merge key `<<` of YAML 1.1.",
        matters: "Such keys have no form in JSON, or none that readers agree on.",
        mend: "Write each key as text. Repeat merged keys where they are needed.",
    }
    TAG_REFUSED = "C0014" {
        title: "tag is not known",
        means: "A value carries a YAML tag, such as `!include`, that is not part of the core schema.",
        matters: "A tag that is silently dropped would lose what it was meant to do.",
        mend: "Remove the tag and write the value itself.",
    }
    ALIAS_REFUSED = "C0015" {
        title: "alias repeats itself",
        means: "A YAML alias stands inside the value that it repeats.",
        matters: "Expanding it would never end.",
        mend: "Move the anchor to a value that does not contain the alias.",
    }
    DOCUMENT_SECOND = "C0016" {
        title: "file holds several documents",
        means: "A line `---` starts a second YAML document in the same file.",
        matters: "Readers differ on whether they take the first, the last or all of them.",
        mend: "Put each document into a file of its own.",
    }
    VALUE_REFUSED = "C0020" {
        title: "value is not accepted",
        means: "The value has the right form and still cannot be used; the message says why.",
        matters: "A setting that is silently bent into shape would protect less than it says.",
        mend: "Write a value as the message describes.",
    }
    KEY_UNKNOWN = "C0021" {
        title: "key is not known",
        means: "There is no setting of this name at this place.",
        matters: "A misspelled setting that is ignored leaves a protection switched off that its author believes in.",
        mend: "Correct the spelling, move the setting to where it belongs, or remove it.",
    }
    KEY_MISSING = "C0022" {
        title: "key is missing",
        means: "A setting that has no safe default is not given.",
        matters: "Whatever would be assumed in its place could be wrong in a way that nobody notices.",
        mend: "Add the key.",
    }
    TYPE_WRONG = "C0023" {
        title: "value has the wrong type",
        means: "For example a number stands where text is expected, or a single value where a list is.",
        matters: "Types are never converted by guessing: `version: 1.10` would become 1.1.",
        mend: "Write the value in the type that the message names; text that looks like a number needs quotes.",
    }
    WORD_UNKNOWN = "C0024" {
        title: "word is not one of those allowed",
        means: "The setting takes one of a few words, and this is none of them.",
        matters: "Each word chooses a behavior; there is none to fall back to that would be safe for everyone.",
        mend: "Use one of the words in the help.",
    }
    FORM_WRONG = "C0025" {
        title: "text has the wrong form",
        means: "The text does not follow the form of this setting, such as a size, a period, a rate or an address.",
        matters: "A quantity without a clear unit is read as something else sooner or later.",
        mend: "Write it like the example in the help.",
    }
    OUT_OF_BOUNDS = "C0026" {
        title: "value is out of bounds",
        means: "A number is too small or too large, a text too short or too long, or a list has too few or too many entries.",
        matters: "Beyond these bounds the setting cannot do what it is for.",
        mend: "Choose a value within the bounds that the message names.",
    }
    NO_FORM_FITS = "C0027" {
        title: "value fits none of the forms allowed",
        means: "The setting can be written in several forms, and this value is like none of them.",
        matters: "It is not clear which form was meant.",
        mend: "Write it in one of the forms in the help.",
    }
    SECRET_LITERAL = "C0030" {
        title: "secret is written into the file",
        means: "A setting that names a secret holds other text than a reference.",
        matters: "Configuration is copied, reviewed, committed and printed; a secret in it is no secret any more (ASVS 13.3.1).",
        mend: "Put the secret into an environment variable, a file that only the gateway's user can read, or a vault, name it as `${env:NAME}`, `${file:PATH}` or `${vault:PATH#FIELD}`, and replace the secret: it may have been seen.",
    }
    SECRET_VARIABLE_MISSING = "C0031" {
        title: "environment variable of a secret is not set",
        means: "The reference `${env:NAME}` names a variable that this process does not have.",
        matters: "Running on without the secret would leave what it protects open or broken.",
        mend: "Set the variable for the gateway's process, not only in your shell.",
    }
    SECRET_FILE_UNREADABLE = "C0032" {
        title: "secret file cannot be read",
        means: "The file that a reference names does not exist, is not a regular file, or may not be read by this user.",
        matters: "Running on without the secret would leave what it protects open or broken.",
        mend: "Check the path, which is relative to the main configuration file, and who owns the file.",
    }
    SECRET_FILE_EXPOSED = "C0033" {
        title: "secret file can be read by others",
        means: "The permissions of the file let everyone read, write or execute it, or its group more than read it.",
        matters: "Every other program on the machine could take the secret (ASVS 13.3.2).",
        mend: "Run `chmod 600` on the file, or `chmod 640` if a group shall read it. In Kubernetes set `defaultMode: 0400` on the secret's volume (`fsGroup` makes it 0440, which is well); for Docker and Compose secrets set `mode: 0400`.",
    }
    SECRET_EMPTY = "C0034" {
        title: "secret is empty",
        means: "The variable or file that a reference names holds nothing but a line break.",
        matters: "An empty password or key protects nothing; it is usually a deployment that went wrong.",
        mend: "Fill the variable or file.",
    }
    SECRET_TOO_LARGE = "C0035" {
        title: "secret file is too large",
        means: "The file that a reference names is larger than any key or password.",
        matters: "It is probably not the file that was meant, and it would be kept in memory.",
        mend: "Check the path.",
    }
    SECRET_VAULT_UNSET = "C0036" {
        title: "no vault is configured",
        means: "A reference `${vault:PATH#FIELD}` stands where no vault can be asked: the file has no `vault:` section, or the reference is part of that section.",
        matters: "Running on without the secret would leave what it protects open or broken.",
        mend: "Add `vault:` with its address and a credential, which itself comes from `${env:NAME}` or `${file:PATH}`.",
    }
    SECRET_VAULT_REFUSED = "C0037" {
        title: "vault does not give the secret",
        means: "The vault cannot be reached, refuses the gateway, or has no such path or field.",
        matters: "Running on without the secret would leave what it protects open or broken.",
        mend: "Read the cause in the message. `vault kv get` with the gateway's own token shows what it may read.",
    }
    VAULT_UNUSABLE = "C0038" {
        title: "vault cannot be asked",
        means: "The section `vault:` has no usable address or credential.",
        matters: "No secret that is kept there can be read.",
        mend: "Give `address` as a URL, and either `token` or `approle`.",
    }
}
