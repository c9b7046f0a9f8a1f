// What rules for scripts, sources and settings have in common.

// A script that says what runs it.
private rule script
{
    condition:
        uint16be(0) == 0x2321
}

// A script, or a short text that a shell may be fed with.
private rule script_or_snippet
{
    condition:
        script or filesize < 4KB
}

// Source of a program in C or C++.
private rule c_source
{
    strings:
        $include = /#[ \t]*include[ \t]*[<"]/
    condition:
        $include
}

// Rules, signatures and documents that name what others should find.
private rule about_threats
{
    strings:
        $yara1 = "condition:"
        $yara2 = "strings:"
        $falco = "- rule:"
        $sigma1 = "logsource:"
        $sigma2 = "detection:"
        $snort = /\n(alert|drop) (tcp|udp|http|ip) [^\n]{1,200}; sid:/
        $test = "tst_test.h"
    condition:
        ($yara1 and ($yara2 or $falco)) or all of ($sigma*) or $snort or $test
}
