// Webshells in files that are no scripts by their name or their beginning.

rule webshell_in_picture
{
    meta:
        key = "webshell.file"
        family = "picture with code"
        score = 85
        reason = "A picture with a webshell in it, for servers that run what they should only show"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $open = /<\?(php|=)/ nocase
        $sink = /\b(eval|assert|system|passthru|shell_exec|exec|popen|proc_open|create_function|base64_decode)\s*\(/ nocase
        $input = /\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES)\s*\[/
        $jsp = /<%[^%]{0,400}Runtime\.getRuntime\(\)\.exec\(/
    condition:
        // JPEG, PNG, GIF, BMP, RIFF (WebP), ICO, PDF.
        (uint16be(0) == 0xFFD8 or uint32be(0) == 0x89504E47 or uint32be(0) == 0x47494638 or uint16be(0) == 0x424D
            or uint32be(0) == 0x52494646 or uint32be(0) == 0x00000100 or uint32be(0) == 0x25504446)
        and filesize < 32MB and (($open and $sink and $input) or $jsp)
}
