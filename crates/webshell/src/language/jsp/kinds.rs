//! Facts about Java objects, and the classes and names that give them.

use crate::language::asp::{SINK_BITS, Traits};

pub(super) const REQUEST: Traits = 1 << SINK_BITS;
pub(super) const RUNTIME: Traits = 1 << (SINK_BITS + 1);
pub(super) const BUILDER: Traits = 1 << (SINK_BITS + 2);
/// Evaluates a text as code.
pub(super) const ENGINE: Traits = 1 << (SINK_BITS + 3);
pub(super) const LOADER: Traits = 1 << (SINK_BITS + 4);
/// A class that was made from bytes or fetched.
pub(super) const LOADED: Traits = 1 << (SINK_BITS + 5);
pub(super) const CLASS: Traits = 1 << (SINK_BITS + 6);
pub(super) const METHOD: Traits = 1 << (SINK_BITS + 7);
/// A class or method that runs things, reached by its name.
pub(super) const DANGER: Traits = 1 << (SINK_BITS + 8);
pub(super) const OBJECTS: Traits = 1 << (SINK_BITS + 9);
pub(super) const FILE: Traits = 1 << (SINK_BITS + 10);
/// Writes to a file.
pub(super) const OUTPUT: Traits = 1 << (SINK_BITS + 11);
pub(super) const SOCKET: Traits = 1 << (SINK_BITS + 12);
pub(super) const SERVER: Traits = 1 << (SINK_BITS + 13);
pub(super) const NAMING: Traits = 1 << (SINK_BITS + 14);
pub(super) const SYSTEM: Traits = 1 << (SINK_BITS + 15);
pub(super) const DATABASE: Traits = 1 << (SINK_BITS + 16);
pub(super) const SESSION: Traits = 1 << (SINK_BITS + 17);
pub(super) const RESPONSE: Traits = 1 << (SINK_BITS + 18);
pub(super) const ADDRESS: Traits = 1 << (SINK_BITS + 19);
pub(super) const PROXY: Traits = 1 << (SINK_BITS + 20);

/// Facts about objects of a class, by its simple name in lower case.
pub(super) fn of_class(name: &str) -> Traits {
    match name {
        "httpservletrequest" | "servletrequest" | "httpservletrequestwrapper" => REQUEST,
        "runtime" => RUNTIME,
        "processbuilder" => BUILDER,
        "scriptengine"
        | "scriptenginemanager"
        | "elprocessor"
        | "jshell"
        | "groovyshell"
        | "interpreter"
        | "nashornscriptengine"
        | "expressionfactory"
        | "spelexpressionparser"
        | "jexlengine"
        | "jexlbuilder"
        | "groovyclassloader"
        | "velocityengine"
        | "ognl"
        | "mvel"
        | "bsfmanager"
        | "pythoninterpreter"
        | "luaj"
        | "compiledscript"
        | "expressionevaluator"
        | "aviatorevaluator"
        | "elutil"
        | "simplescriptcontext" => ENGINE,
        "classloader"
        | "secureclassloader"
        | "bcelclassloader"
        | "urlclassloader"
        | "unsafe"
        | "definingclassloader"
        | "parallelwebappclassloader"
        | "lookup"
        | "transletclassloader" => LOADER,
        "class" => CLASS,
        "method" | "methodhandle" | "methodaccessor" | "constructor" | "methodutil" => METHOD,
        "objectinputstream" | "xmldecoder" | "xstream" => OBJECTS,
        _ => of_channel(name),
    }
}

/// Files, connections and parts of the server.
fn of_channel(name: &str) -> Traits {
    match name {
        "file" | "path" | "paths" => FILE,
        "fileoutputstream"
        | "filewriter"
        | "randomaccessfile"
        | "printstream"
        | "bufferedoutputstream"
        | "bufferedwriter"
        | "outputstreamwriter"
        | "dataoutputstream" => OUTPUT,
        "socket"
        | "socketchannel"
        | "serversocket"
        | "serversocketchannel"
        | "asynchronoussocketchannel"
        | "datagramsocket" => SOCKET,
        "standardcontext"
        | "applicationcontext"
        | "webappclassloaderbase"
        | "standardwrapper"
        | "abstracthandlermapping"
        | "requestmappinghandlermapping"
        | "webapplicationcontext"
        | "standardengine"
        | "standardpipeline" => SERVER,
        "initialcontext" | "context" | "jndi" | "initialdircontext" | "jdbcrowsetimpl" => NAMING,
        "system" => SYSTEM,
        "statement" | "preparedstatement" | "connection" | "drivermanager" => DATABASE,
        "httpsession" => SESSION,
        "httpservletresponse" | "servletresponse" => RESPONSE,
        "url" | "uri" => ADDRESS,
        "proxy" => PROXY,
        _ => 0,
    }
}

/// Classes that run programs or code, by simple name: reaching one by a text is not how programs are written.
pub(super) fn is_dangerous_class(name: &str) -> bool {
    let simple = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    matches!(
        simple.as_str(),
        "runtime"
            | "processbuilder"
            | "processimpl"
            | "unixprocess"
            | "scriptenginemanager"
            | "classloader"
            | "unsafe"
            | "templatesimpl"
            | "elprocessor"
            | "jshell"
    )
}

/// Methods that run programs or code.
pub(super) fn is_dangerous_method(name: &str) -> bool {
    matches!(
        name.to_ascii_lowercase().as_str(),
        "exec"
            | "getruntime"
            | "defineclass"
            | "defineclass0"
            | "defineclass1"
            | "forkandexec"
            | "defineanonymousclass"
            | "loadlibrary"
    )
}

/// Methods of a request whose value the client chooses.
pub(super) fn is_source(name: &str) -> bool {
    matches!(
        name,
        "getparameter"
            | "getparametervalues"
            | "getparametermap"
            | "getparameternames"
            | "getheader"
            | "getheaders"
            | "getquerystring"
            | "getcookies"
            | "getpathinfo"
            | "getrequesturi"
            | "getrequesturl"
            | "getservletpath"
            | "getremoteuser"
            | "getheadernames"
            | "getcontenttype"
            | "getpart"
            | "getparts"
    )
}

/// Calls whose value says little of what they are given.
pub(super) fn is_harmless(name: &str) -> bool {
    matches!(
        name,
        "parseint"
            | "parselong"
            | "parsedouble"
            | "parsefloat"
            | "parseboolean"
            | "equals"
            | "equalsignorecase"
            | "length"
            | "size"
            | "indexof"
            | "lastindexof"
            | "startswith"
            | "endswith"
            | "contains"
            | "isempty"
            | "hashcode"
            | "compareto"
            | "matches"
            | "exists"
            | "isdirectory"
            | "isfile"
            | "containskey"
            | "intvalue"
            | "longvalue"
            | "getmethod"
            | "isblank"
            | "isnotblank"
            | "isnotempty"
            | "encode"
            | "getsize"
            | "digest"
            | "escapehtml"
            | "isinstance"
            | "nextint"
            | "isnull"
    )
}
