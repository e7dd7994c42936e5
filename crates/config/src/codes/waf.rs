//! Rules of the WAF (C1100 to C1199).

codes! {
    RULE_FILE = "C1100" {
        title: "rule file cannot be read",
        means: "A file of rules, or one that it names, is missing, too large, or includes itself.",
        matters: "Rules that are not read protect nothing.",
        mend: "Correct the path: it is taken from the folder of the file that names it.",
    }
    RULE_SYNTAX = "C1101" {
        title: "rule cannot be read",
        means: "A directive, variable, operator, transformation or action is not known, or its argument is malformed.",
        matters: "A rule that is read in part is dead, and nobody would see it.",
        mend: "Correct the rule. What is supported is listed in docs/waf.md.",
    }
    RULE_TWICE = "C1102" {
        title: "rule id stands twice",
        means: "Two rules have the same id.",
        matters: "Exclusions and findings name rules by their ids; it would be unclear which is meant.",
        mend: "Give one of them an id of its own; 1 to 99,999 are free for local rules.",
    }
    MARKER_MISSING = "C1103" {
        title: "marker is missing",
        means: "A rule skips to a `SecMarker` that no file has.",
        matters: "The jump would end the phase, and every rule behind it would be dead.",
        mend: "Load the file with the marker, or correct the name.",
    }
    TEST_FILE = "C1104" {
        title: "test file cannot be read",
        means: "A file of regression tests is not in the format of go-ftw, version 2.",
        matters: "Tests that are not run prove nothing.",
        mend: "Correct the file; the format is described at https://github.com/coreruleset/ftw-tests-schema.",
    }
}
