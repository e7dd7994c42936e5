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
    KEEPING_POINTLESS = "C0604" {
        title: "nothing to rotate or keep",
        means: "The `audit` section says when files end or how long they are kept, but the gateway ends no files: none is named, or nothing says when one ends.",
        matters: "Whoever wrote it counts on a limit that does not exist, and the disk fills up.",
        mend: "Name a `file` and say with `rotate` when one ends, or remove the setting.",
    }
    SINK_KIND = "C0605" {
        title: "a sink is one of several things",
        means: "An entry of `sinks` names no kind of sink, or more than one.",
        matters: "Where security events go must not be a guess.",
        mend: "Write exactly one of `syslog`, `webhook`, `otlp`, `file` and `stdout`.",
    }
    SINK_ADDRESS = "C0606" {
        title: "sink cannot be reached there",
        means: "The address of a sink is malformed, has a scheme that it cannot have, or leads over the network without TLS.",
        matters: "The record names people and tells what was refused to whom; whoever reads along learns it, and can change it.",
        mend: "Write `tls://host:6514` for syslog and `https://…` for others; without TLS only to this machine.",
    }
    SINK_SECRET_SHORT = "C0607" {
        title: "webhook secret is too short",
        means: "The secret that signs deliveries has fewer than 24 bytes.",
        matters: "Whoever finds it out can make up events that your systems believe.",
        mend: "Make one with `openssl rand -base64 32`.",
    }
    SINK_SPOOL_RANGE = "C0608" {
        title: "spool of a sink is out of range",
        means: "The memory of a sink is below 64 KiB or above 1 GiB, or its disk above 1 TiB.",
        matters: "Too little loses events at every restart of the collector; too much can use up the machine.",
        mend: "Write sizes such as `memory: 4 MiB` and `disk: 256 MiB`, or leave them out.",
    }
    PSEUDONYM_KEY_SHORT = "C0609" {
        title: "key of pseudonyms is too short",
        means: "The key by which names are replaced in the record has fewer than 16 bytes.",
        matters: "Whoever tries out keys and names finds out whom the pseudonyms stand for.",
        mend: "Make one with `openssl rand -base64 32`.",
    }
    RECEIVER_KIND = "C0620" {
        title: "a receiver of alerts is one of several things",
        means: "An entry of `alerts.receivers` names no kind of receiver, or more than one, or has a name that makes no folder.",
        matters: "Who is woken must not be a guess.",
        mend: "Write exactly one of `alertmanager`, `webhook`, `slack`, `pagerduty`, `syslog` and `log`.",
    }
    RECEIVER_INTERNAL = "C0621" {
        title: "receiver of alerts has an internal address",
        means: "The address of a receiver is private, link-local or loopback, and nothing says that it may be.",
        matters: "Whoever can change an address could have the gateway call what only it can reach (OWASP API7:2023).",
        mend: "Correct the address, or set `allow_private_network: true` where the receiver lives in your network.",
    }
    JOURNAL_RANGE = "C0630" {
        title: "journal is out of range",
        means: "The journal of decisions would hold less than 1 MiB, or forget at once.",
        matters: "A receipt that a client sends with its question could not be explained.",
        mend: "Write `size: 1 MiB` or more and an `age` such as `7d`; `mode: off` keeps no journal.",
    }
}
