#!/bin/bash
# Reports in Perl and Ruby, the system's facts among them, read through backticks and pipes.
set -eu
seq 2000 | perl -ne 'chomp; printf "%d 10.0.0.%d GET /page/%d 200 %d\n", $_, $_ % 250, $_ % 40, $_ * 7 % 9999' >/tmp/access.log
perl -we '
	use strict;
	my (%hits, $bytes);
	open my $log, "<", "/tmp/access.log" or die;
	while (<$log>) { my @f = split; $hits{$f[3]}++; $bytes += $f[5] }
	my $host = `hostname`; chomp $host;
	my ($free) = grep { m{/$} } `df -P /`;
	open my $mail, "|-", "sort -rn >/tmp/report.txt" or die;
	print $mail "$hits{$_} $_\n" for keys %hits;
	close $mail;
	print "$host $bytes\n$free";
'
perl -pi -e 's/GET/get/' /tmp/access.log
perl -MPOSIX -e 'print strftime("%F", localtime), "\n"'
perl -MDigest::SHA=sha256_hex -e 'print sha256_hex("x"), "\n"'
ruby -e 'require "erb"; puts ERB.new("<%= `uname -s`.strip %> <%= 6 * 7 %>").result'
ruby -rjson -e 'puts JSON.generate(File.readlines("/tmp/report.txt").first(2))'
head -3 /tmp/report.txt
