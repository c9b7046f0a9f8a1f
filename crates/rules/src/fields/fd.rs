//! `fd.*` and `fs.path.*`: the file or socket that a call is about.

/// Hands the rows of this table, behind those it was given, to the next table.
macro_rules! fd_fields {
    ([$next:ident $($rest:ident)*] $($rows:tt)*) => { $next! { [$($rest)*] $($rows)*
        FdNum = "fd.num", Number, None, Kernel, "Number of the descriptor.";
        FdType = "fd.type", Text, None, Kernel, "What it leads to: `file`, `directory`, `ipv4`, `ipv6`, `unix`, `pipe`, `memfd`, `netlink`, `packet`.";
        FdTypechar = "fd.typechar", Text, None, Kernel, "`fd.type` as one letter: `f`, `d`, `4`, `6`, `u`, `p`, `m`, `n`, `k`, or `o` for anything else.";
        FdName = "fd.name", Text, None, Kernel, "Full path of a file; of a socket the pair `client:port->server:port`; of a unix socket its path.";
        FdNameraw = "fd.nameraw", Text, None, Kernel, "Path of a file as the caller wrote it.";
        FdDirectory = "fd.directory", Text, None, Kernel, "Directory of the file.";
        FdFilename = "fd.filename", Text, None, Kernel, "Last part of the file's path.";
        FdIp = "fd.ip", Address, None, Kernel, "Address of either side.";
        FdCip = "fd.cip", Address, None, Kernel, "Address of the client.";
        FdSip = "fd.sip", Address, None, Kernel, "Address of the server.";
        FdLip = "fd.lip", Address, None, Kernel, "Address of the container's side.";
        FdRip = "fd.rip", Address, None, Kernel, "Address of the other side.";
        FdPort = "fd.port", Port, None, Kernel, "Port of either side.";
        FdCport = "fd.cport", Port, None, Kernel, "Port of the client.";
        FdSport = "fd.sport", Port, None, Kernel, "Port of the server.";
        FdLport = "fd.lport", Port, None, Kernel, "Port of the container's side.";
        FdRport = "fd.rport", Port, None, Kernel, "Port of the other side.";
        FdL4proto = "fd.l4proto", Text, None, Kernel, "Protocol of a socket: `tcp`, `udp`, `icmp` or `raw`.";
        FdSockfamily = "fd.sockfamily", Text, None, Kernel, "Family of a socket: `ip` or `unix`.";
        FdIsServer = "fd.is_server", Boolean, None, Kernel, "Whether the process is the side that was called.";
        FdUid = "fd.uid", Text, None, Kernel, "Thread id and descriptor number together.";
        FdContainername = "fd.containername", Text, None, Kernel, "Container id and `fd.name` with `:` between.";
        FdContainerdirectory = "fd.containerdirectory", Text, None, Kernel, "Container id and `fd.directory` with `:` between.";
        FdProto = "fd.proto", Text, None, Kernel, "Name of the service that either port is registered for, such as `https`.";
        FdCproto = "fd.cproto", Text, None, Kernel, "Name of the service of the client's port.";
        FdSproto = "fd.sproto", Text, None, Kernel, "Name of the service of the server's port.";
        FdLproto = "fd.lproto", Text, None, Kernel, "Name of the service of the container's port.";
        FdRproto = "fd.rproto", Text, None, Kernel, "Name of the service of the other side's port.";
        FdNet = "fd.net", Address, None, Kernel, "Address of either side, to compare with networks.";
        FdCnet = "fd.cnet", Address, None, Kernel, "Address of the client, to compare with networks.";
        FdSnet = "fd.snet", Address, None, Kernel, "Address of the server, to compare with networks.";
        FdLnet = "fd.lnet", Address, None, Kernel, "Address of the container's side, to compare with networks.";
        FdRnet = "fd.rnet", Address, None, Kernel, "Address of the other side, to compare with networks.";
        FdConnected = "fd.connected", Boolean, None, Kernel, "Whether the socket has a peer.";
        FdNameChanged = "fd.name_changed", Boolean, None, Kernel, "Whether the call gave the socket another name, as a datagram to a new peer does.";
        FdCipName = "fd.cip.name", Text, None, Kernel, "Domain name that led to the client's address.";
        FdSipName = "fd.sip.name", Text, None, Kernel, "Domain name that led to the server's address, by the container's own look-ups.";
        FdLipName = "fd.lip.name", Text, None, Kernel, "Domain name that led to the container's address.";
        FdRipName = "fd.rip.name", Text, None, Kernel, "Domain name that led to the other side's address.";
        FdDev = "fd.dev", Number, None, Kernel, "Device number of the file's file system.";
        FdDevMajor = "fd.dev.major", Number, None, Kernel, "Major part of `fd.dev`.";
        FdDevMinor = "fd.dev.minor", Number, None, Kernel, "Minor part of `fd.dev`.";
        FdIno = "fd.ino", Number, None, Kernel, "Inode number of the file or socket.";
        FdTypes = "fd.types", List, OptionalIndex, Kernel, "Types of all open descriptors.", missing "descriptor tables aren't followed; use `proc.stdin.type` and its siblings";
        FdIsUpperLayer = "fd.is_upper_layer", Boolean, None, Kernel, "Whether the file lies in the container's own layer.";
        FdIsLowerLayer = "fd.is_lower_layer", Boolean, None, Kernel, "Whether the file lies in a layer of the image.";
        FdlistNums = "fdlist.nums", Text, None, Kernel, "Descriptors of a poll call.", missing "polls aren't observed";
        FdlistNames = "fdlist.names", Text, None, Kernel, "Names of the descriptors of a poll call.", missing "polls aren't observed";
        FdlistCips = "fdlist.cips", Text, None, Kernel, "Client addresses of a poll call.", missing "polls aren't observed";
        FdlistSips = "fdlist.sips", Text, None, Kernel, "Server addresses of a poll call.", missing "polls aren't observed";
        FdlistCports = "fdlist.cports", Text, None, Kernel, "Client ports of a poll call.", missing "polls aren't observed";
        FdlistSports = "fdlist.sports", Text, None, Kernel, "Server ports of a poll call.", missing "polls aren't observed";
        FdIsOutside = "fd.is_outside", Boolean, None, Kernel, "Whether the file lies outside of the process's mount namespace: reached through another process's root, or a descriptor that was left open.";
        FdFileMagic = "fd.file.magic", Text, None, Kernel, "What the file's first bytes say that it is: `elf`, `script`, `zip`, `gzip`, `xz`, `class`, `php`, `text` or `other`.";
        FdFileWrittenByPackageManager = "fd.file.written_by_package_manager", Boolean, None, Kernel, "Whether the program that last wrote the file is the image's package manager, or was started by it.";

        FsPathName = "fs.path.name", Text, None, Kernel, "Path of a call that succeeded, absolute.";
        FsPathNameraw = "fs.path.nameraw", Text, None, Kernel, "Path of a call that succeeded, as the caller wrote it.";
        FsPathSource = "fs.path.source", Text, None, Kernel, "Of a call with two paths: the one that is moved, the link that is made, the device that is mounted; absolute.";
        FsPathSourceraw = "fs.path.sourceraw", Text, None, Kernel, "`fs.path.source` as the caller wrote it.";
        FsPathTarget = "fs.path.target", Text, None, Kernel, "Of a call with two paths: the new name, what a link leads to, the place that is mounted on; absolute.";
        FsPathTargetraw = "fs.path.targetraw", Text, None, Kernel, "`fs.path.target` as the caller wrote it.";
    } };
}
pub(super) use fd_fields;
