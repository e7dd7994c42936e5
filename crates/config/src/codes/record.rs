//! Audit and administration (C0600 to C0699).

codes! {
    SINK_AMBIGUOUS = "C0601" {
        title: "two places for the record",
        means: "The `audit` section names a file and standard output as well.",
        matters: "The record is one chain of lines; in two places it could not be told which of them is the whole one.",
        mend: "Keep one of them; a collector can read the file as well.",
    }
    FILE_UNREACHABLE = "C0602" {
        title: "record cannot be kept there",
        means: "The file of the record would lie in a folder that does not exist, or its name is that of a folder.",
        matters: "A gateway whose decisions are not recorded cannot be held to account.",
        mend: "Name a file in a folder that exists and that the gateway may write to.",
    }
    QUEUE_RANGE = "C0603" {
        title: "audit queue is out of range",
        means: "The room for events that wait to be written is below 64 KiB or above 1 GiB.",
        matters: "Too little loses events at every hiccup of the disk; too much can use up the memory.",
        mend: "Write a size such as `8 MiB`, or leave the setting out.",
    }
}
