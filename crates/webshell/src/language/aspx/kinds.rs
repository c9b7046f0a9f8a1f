//! Facts about .NET objects, and the classes that give them.

use crate::language::asp::{SINK_BITS, Traits};

pub(super) const REQUEST: Traits = 1 << SINK_BITS;
pub(super) const SERVER: Traits = 1 << (SINK_BITS + 1);
pub(super) const SESSION: Traits = 1 << (SINK_BITS + 2);
pub(super) const PROCESS: Traits = 1 << (SINK_BITS + 3);
pub(super) const ASSEMBLY: Traits = 1 << (SINK_BITS + 4);
/// Made of bytes or source at run time.
pub(super) const LOADED: Traits = 1 << (SINK_BITS + 5);
pub(super) const EVALUATOR: Traits = 1 << (SINK_BITS + 6);
pub(super) const COMPILER: Traits = 1 << (SINK_BITS + 7);
pub(super) const FORMATTER: Traits = 1 << (SINK_BITS + 8);
pub(super) const POWERSHELL: Traits = 1 << (SINK_BITS + 9);
pub(super) const FILE: Traits = 1 << (SINK_BITS + 10);
pub(super) const OUTPUT: Traits = 1 << (SINK_BITS + 11);
pub(super) const SOCKET: Traits = 1 << (SINK_BITS + 12);
pub(super) const DATABASE: Traits = 1 << (SINK_BITS + 13);
pub(super) const METHOD: Traits = 1 << (SINK_BITS + 14);
/// A class or method that runs things, reached by its name.
pub(super) const DANGER: Traits = 1 << (SINK_BITS + 15);
pub(super) const UPLOAD: Traits = 1 << (SINK_BITS + 16);
/// A server control whose content the client sends.
pub(super) const INPUT: Traits = 1 << (SINK_BITS + 17);
pub(super) const STYLESHEET: Traits = 1 << (SINK_BITS + 18);
pub(super) const RESPONSE: Traits = 1 << (SINK_BITS + 19);
pub(super) const ACTIVATOR: Traits = 1 << (SINK_BITS + 20);
pub(super) const MANAGEMENT: Traits = 1 << (SINK_BITS + 21);

/// Facts about objects of a class, by its simple name in lower case.
pub(super) fn of_class(name: &str) -> Traits {
    match name {
        "httprequest" | "httprequestbase" => REQUEST,
        "httpserverutility" => SERVER,
        "httpsessionstate" => SESSION,
        "httpresponse" => RESPONSE,
        "process" | "processstartinfo" => PROCESS,
        "assembly" | "appdomain" => ASSEMBLY,
        "csharpcodeprovider"
        | "vbcodeprovider"
        | "codedomprovider"
        | "jscriptcodeprovider"
        | "icodecompiler"
        | "vsaengine"
        | "csharpscript"
        | "csharpcompilation" => COMPILER,
        "binaryformatter"
        | "losformatter"
        | "objectstateformatter"
        | "soapformatter"
        | "netdatacontractserializer"
        | "javascriptserializerwithtypes" => FORMATTER,
        "powershell" | "runspace" | "runspacefactory" | "pipeline" | "runspaceinvoke" => POWERSHELL,
        "file" | "fileinfo" | "directory" | "directoryinfo" | "driveinfo" => FILE,
        "streamwriter" | "filestream" | "binarywriter" | "textwriter" => OUTPUT,
        "tcpclient" | "socket" | "udpclient" | "tcplistener" => SOCKET,
        "sqlconnection" | "sqlcommand" | "oledbconnection" | "oledbcommand" | "odbcconnection"
        | "odbccommand" | "sqldataadapter" | "oledbdataadapter" | "oracleconnection" => DATABASE,
        "methodinfo" | "constructorinfo" => METHOD,
        "httppostedfile" | "fileupload" | "htmlinputfile" | "httpfilecollection" => UPLOAD,
        "textbox" | "htmlinputtext" | "htmltextarea" | "dropdownlist" | "hiddenfield" => INPUT,
        "xslcompiledtransform" | "xsltransform" => STYLESHEET,
        "activator" => ACTIVATOR,
        "managementclass" | "managementobject" | "managementbaseobject" => MANAGEMENT,
        _ => 0,
    }
}

/// Classes that run programs or code, by their name: reaching one by a text is not how programs are written.
pub(super) fn is_dangerous_class(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let class = lower.split(',').next().unwrap_or_default().trim();
    matches!(
        class.rsplit('.').next().unwrap_or(class),
        "process" | "processstartinfo" | "assembly" | "powershell" | "csharpcodeprovider"
    ) || class == "microsoft.jscript.eval"
}
