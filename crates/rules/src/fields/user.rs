//! `user.*` and `group.*`: who the process runs as.

/// Hands the rows of this table, behind those it was given, to the next table.
macro_rules! user_fields {
    ([$next:ident $($rest:ident)*] $($rows:tt)*) => { $next! { [$($rest)*] $($rows)*
        UserUid = "user.uid", Number, None, Kernel, "User id, effective, as the host sees it.";
        UserName = "user.name", Text, None, Kernel, "Name of the user by the container's own /etc/passwd; `root` for 0 without one.";
        UserHomedir = "user.homedir", Text, None, Kernel, "Home directory of the user by the container's /etc/passwd.";
        UserShell = "user.shell", Text, None, Kernel, "Shell of the user by the container's /etc/passwd.";
        UserLoginuid = "user.loginuid", Number, None, Kernel, "User id of the log-in that led here (audit); -1 without one.";
        UserLoginname = "user.loginname", Text, None, Kernel, "Name of the user that logged in.";
        GroupGid = "group.gid", Number, None, Kernel, "Group id, effective, as the host sees it.";
        GroupName = "group.name", Text, None, Kernel, "Name of the group by the container's own /etc/group.";
    } };
}
pub(super) use user_fields;
