//! The variables that rules look at.

/// Makes the list of variables, so that names and variants cannot drift apart.
macro_rules! variables {
    ($( $variant:ident = $name:literal $kind:ident $doc:literal, )*) => {
        /// What a rule can look at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Variable {
            $( #[doc = $doc] $variant, )*
        }

        impl Variable {
            /// Every variable.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The name in rules.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// Whether it is one value or a collection of named ones.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $( Self::$variant => Kind::$kind, )* }
            }
        }
    };
}

/// Whether a variable is one value or many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One value.
    Single,
    /// Values with names, of which a rule may choose.
    Named,
}

variables! {
    Args = "ARGS" Named "Parameters of query and body.",
    ArgsCombinedSize = "ARGS_COMBINED_SIZE" Single "Length of all parameters, names and values.",
    ArgsGet = "ARGS_GET" Named "Parameters of the query.",
    ArgsGetNames = "ARGS_GET_NAMES" Named "Their names.",
    ArgsNames = "ARGS_NAMES" Named "Names of all parameters.",
    ArgsPost = "ARGS_POST" Named "Parameters of the body.",
    ArgsPostNames = "ARGS_POST_NAMES" Named "Their names.",
    AuthType = "AUTH_TYPE" Single "The scheme of `Authorization`.",
    Duration = "DURATION" Single "Microseconds since the request began.",
    Env = "ENV" Named "Variables that rules set with `setenv`.",
    Files = "FILES" Named "Names of uploaded files as the client gave them.",
    FilesCombinedSize = "FILES_COMBINED_SIZE" Single "Length of all uploaded files.",
    FilesNames = "FILES_NAMES" Named "Names of the fields in which files came.",
    FilesSizes = "FILES_SIZES" Named "Lengths of uploaded files.",
    FullRequestLength = "FULL_REQUEST_LENGTH" Single "Length of head and body.",
    Global = "GLOBAL" Named "What is kept for all clients.",
    InboundDataError = "INBOUND_DATA_ERROR" Single "1 if the body was longer than what is looked at.",
    Ip = "IP" Named "What is kept for an address.",
    MatchedVar = "MATCHED_VAR" Single "The value that matched last.",
    MatchedVarName = "MATCHED_VAR_NAME" Single "Its full name.",
    MatchedVars = "MATCHED_VARS" Named "All values that matched in this chain.",
    MatchedVarsNames = "MATCHED_VARS_NAMES" Named "Their full names.",
    MultipartBoundaryQuoted = "MULTIPART_BOUNDARY_QUOTED" Single "1 if the boundary stood in quotation marks.",
    MultipartBoundaryWhitespace = "MULTIPART_BOUNDARY_WHITESPACE" Single "1 if the boundary holds blanks.",
    MultipartCrlfLfLines = "MULTIPART_CRLF_LF_LINES" Single "1 if lines ended in two ways.",
    MultipartDataAfter = "MULTIPART_DATA_AFTER" Single "1 if something followed the last boundary.",
    MultipartDataBefore = "MULTIPART_DATA_BEFORE" Single "1 if something stood before the first boundary.",
    MultipartFileLimitExceeded = "MULTIPART_FILE_LIMIT_EXCEEDED" Single "1 if there were too many files.",
    MultipartFilename = "MULTIPART_FILENAME" Single "The name of the last file.",
    MultipartHeaderFolding = "MULTIPART_HEADER_FOLDING" Single "1 if a header went on over lines.",
    MultipartInvalidHeaderFolding = "MULTIPART_INVALID_HEADER_FOLDING" Single "1 if it did so in no known way.",
    MultipartInvalidPart = "MULTIPART_INVALID_PART" Single "1 if a part is malformed.",
    MultipartInvalidQuoting = "MULTIPART_INVALID_QUOTING" Single "1 if names stand in wrong quotation marks.",
    MultipartLfLine = "MULTIPART_LF_LINE" Single "1 if a line ended in LF alone.",
    MultipartMissingSemicolon = "MULTIPART_MISSING_SEMICOLON" Single "1 if a semicolon is missing.",
    MultipartName = "MULTIPART_NAME" Single "The name of the last field.",
    MultipartPartHeaders = "MULTIPART_PART_HEADERS" Named "Header lines of each part.",
    MultipartStrictError = "MULTIPART_STRICT_ERROR" Single "1 if any of the flags is.",
    MultipartUnmatchedBoundary = "MULTIPART_UNMATCHED_BOUNDARY" Single "1 if a line looks like a boundary and is none.",
    OutboundDataError = "OUTBOUND_DATA_ERROR" Single "1 if the answer was longer than what is looked at.",
    PathInfo = "PATH_INFO" Single "What follows the script's name.",
    QueryString = "QUERY_STRING" Single "The query as it came.",
    RemoteAddr = "REMOTE_ADDR" Single "The client's address.",
    RemoteHost = "REMOTE_HOST" Single "The client's address: names are not looked up.",
    RemotePort = "REMOTE_PORT" Single "The client's port.",
    RemoteUser = "REMOTE_USER" Single "The caller.",
    ReqbodyError = "REQBODY_ERROR" Single "1 if the body could not be read.",
    ReqbodyErrorMsg = "REQBODY_ERROR_MSG" Single "Why not.",
    ReqbodyProcessor = "REQBODY_PROCESSOR" Single "How the body was read.",
    ReqbodyProcessorError = "REQBODY_PROCESSOR_ERROR" Single "The same as `REQBODY_ERROR`.",
    ReqbodyProcessorErrorMsg = "REQBODY_PROCESSOR_ERROR_MSG" Single "The same as `REQBODY_ERROR_MSG`.",
    RequestBasename = "REQUEST_BASENAME" Single "The last segment of the path.",
    RequestBody = "REQUEST_BODY" Single "The body as it came, if nothing else has read it.",
    RequestBodyLength = "REQUEST_BODY_LENGTH" Single "Its length.",
    RequestCookies = "REQUEST_COOKIES" Named "Cookies.",
    RequestCookiesNames = "REQUEST_COOKIES_NAMES" Named "Their names.",
    RequestFilename = "REQUEST_FILENAME" Single "The path, without the query.",
    RequestHeaders = "REQUEST_HEADERS" Named "Header fields.",
    RequestHeadersNames = "REQUEST_HEADERS_NAMES" Named "Their names.",
    RequestLine = "REQUEST_LINE" Single "The first line as it came.",
    RequestMethod = "REQUEST_METHOD" Single "The method.",
    RequestProtocol = "REQUEST_PROTOCOL" Single "The version, such as `HTTP/1.1`.",
    RequestUri = "REQUEST_URI" Single "Path and query.",
    RequestUriRaw = "REQUEST_URI_RAW" Single "The target as it came.",
    Resource = "RESOURCE" Named "What is kept for a resource.",
    ResponseBody = "RESPONSE_BODY" Single "The answer's body.",
    ResponseContentLength = "RESPONSE_CONTENT_LENGTH" Single "Its length.",
    ResponseContentType = "RESPONSE_CONTENT_TYPE" Single "Its type.",
    ResponseHeaders = "RESPONSE_HEADERS" Named "Header fields of the answer.",
    ResponseHeadersNames = "RESPONSE_HEADERS_NAMES" Named "Their names.",
    ResponseProtocol = "RESPONSE_PROTOCOL" Single "The answer's version.",
    ResponseStatus = "RESPONSE_STATUS" Single "Its status.",
    Rule = "RULE" Named "Id, message and the like of the rule itself.",
    ServerAddr = "SERVER_ADDR" Single "The address that was called.",
    ServerName = "SERVER_NAME" Single "The host that was asked for.",
    ServerPort = "SERVER_PORT" Single "The port that was called.",
    Session = "SESSION" Named "What is kept for a session.",
    Sessionid = "SESSIONID" Single "The session's id, once set.",
    StatusLine = "STATUS_LINE" Single "The answer's first line.",
    Time = "TIME" Single "The time of day, `hh:mm:ss`.",
    TimeDay = "TIME_DAY" Single "The day of the month.",
    TimeEpoch = "TIME_EPOCH" Single "Seconds since 1970.",
    TimeHour = "TIME_HOUR" Single "The hour.",
    TimeMin = "TIME_MIN" Single "The minute.",
    TimeMon = "TIME_MON" Single "The month, from 0.",
    TimeSec = "TIME_SEC" Single "The second.",
    TimeWday = "TIME_WDAY" Single "The day of the week, from Sunday as 0.",
    TimeYear = "TIME_YEAR" Single "The year.",
    Tx = "TX" Named "What rules have set for this request.",
    UniqueId = "UNIQUE_ID" Single "The request's id.",
    UrlencodedError = "URLENCODED_ERROR" Single "1 if the query or a form is encoded wrongly.",
    User = "USER" Named "What is kept for a caller.",
    Userid = "USERID" Single "The caller, once set.",
    Webappid = "WEBAPPID" Single "The application's id.",
    Xml = "XML" Named "Texts and attributes of an XML body.",
}

impl Variable {
    /// The variable of this name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|variable| variable.name().eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_found_by_its_name_and_no_name_stands_twice() {
        for variable in Variable::ALL {
            assert_eq!(Variable::from_name(&variable.name().to_lowercase()), Some(*variable));
        }
        assert_eq!(Variable::from_name("ARG"), None);
    }
}
