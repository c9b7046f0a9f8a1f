//! `win.*`: records of Windows event logs, in one shape whatever channel they come from.

/// Hands the rows of this table, behind those it was given, to the next table.
macro_rules! windows_fields {
    ([$next:ident $($rest:ident)*] $($rows:tt)*) => { $next! { [$($rest)*] $($rows)*
        WinEventId = "win.event_id", Number, None, Windows, "Event id.";
        WinChannel = "win.channel", Text, None, Windows, "Log that the record is from: `Security`.";
        WinProvider = "win.provider", Text, None, Windows, "Who wrote the record: `Microsoft-Windows-Sysmon`.";
        WinComputer = "win.computer", Text, None, Windows, "Name of the computer.";
        WinRecordId = "win.record_id", Number, None, Windows, "Number of the record in its log.";
        WinUser = "win.user", Text, None, Windows, "Account that acted, as `DOMAIN\\name`.";
        WinData = "win.data", Text, RequiredKey, Windows, "A value of the record's data by its name: `win.data[TargetObject]`.";
        WinProcessImage = "win.process.image", Text, None, Windows, "Path of the process's executable.";
        WinProcessCommandLine = "win.process.command_line", Text, None, Windows, "Command line of the process.";
        WinProcessParentImage = "win.process.parent_image", Text, None, Windows, "Path of the parent's executable.";
        WinProcessParentCommandLine = "win.process.parent_command_line", Text, None, Windows, "Command line of the parent.";
        WinProcessOriginalFileName = "win.process.original_file_name", Text, None, Windows, "Name that the executable's version resource gives, whatever the file is called.";
        WinProcessIntegrity = "win.process.integrity", Text, None, Windows, "Integrity level: `High`, `System` and so on.";
        WinRegistryKey = "win.registry.key", Text, None, Windows, "Path of the registry key, roots in their short form: `HKLM\\…`.";
        WinRegistryValue = "win.registry.value", Text, None, Windows, "Name of the registry value.";
        WinRegistryDetails = "win.registry.details", Text, None, Windows, "What was written to the registry.";
        WinScriptText = "win.script.text", Text, None, Windows, "Text of the PowerShell script block or pipeline.";
        WinCommand = "win.command", Text, None, Windows, "Everything that the record says was to be run (command line, script, service, task), as the interpreter reads it: small letters, without carets, backticks and quotation marks, encoded commands decoded behind it.";
        WinAccountTarget = "win.account.target", Text, None, Windows, "Account that was changed, or added to a group.";
        WinAccountSubject = "win.account.subject", Text, None, Windows, "Account that made the change.";
        WinAccountGroup = "win.account.group", Text, None, Windows, "Group that was changed.";
        WinNetworkDestinationIp = "win.network.destination_ip", Address, None, Windows, "Address that was connected to.";
        WinNetworkPort = "win.network.port", Port, None, Windows, "Port that was connected to.";
        WinNetworkHost = "win.network.host", Text, None, Windows, "Host name that was connected to or looked up.";
        WinFilePath = "win.file.path", Text, None, Windows, "Path of the file.";
    } };
}
pub(super) use windows_fields;
