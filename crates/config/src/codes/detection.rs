//! Detection of attacks (C1200 to C1299).

codes! {
    BLOCK_INDECISIVE = "C1201" {
        title: "detector is not sure enough to refuse somebody",
        means: "`detect.actions` wants to block whom a detector notices that is not decisive by itself.",
        matters: "Such a detector sees what is unusual, and busy customers are unusual too: some of them would be locked out.",
        mend: "Use `throttle` or `step_up` for it, or `block` for `enumeration`, `misses` or `token_replay`, which see what no honest caller does.",
    }
    NOBODY_TO_ACT_ON = "C1202" {
        title: "detector is about no caller",
        means: "`detect.actions` wants something done about a caller for a detector that notices operations or an API as a whole.",
        matters: "There is nobody who could be slowed down or refused, so nothing would be done.",
        mend: "Write `log` or `off`, or leave the entry out.",
    }
    PLACES_UNREADABLE = "C1203" {
        title: "places of networks cannot be read",
        means: "The file of `detect.places` is not there, or is no CSV with the columns `network`, `latitude` and `longitude`.",
        matters: "Journeys that nobody can make would not be noticed.",
        mend: "Name a file that exists, such as the city blocks of GeoLite2 in CSV, or leave the setting out.",
    }
    HEADER_UNUSABLE = "C1204" {
        title: "header of the risk cannot be used",
        means: "`detect.header` is no name of a header field, or one that has a meaning of its own.",
        matters: "Upstreams would not be told the risk, or would take it for something else.",
        mend: "Choose a name that nobody uses, such as `x-portcullis-risk`.",
    }
}
