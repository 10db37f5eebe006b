# Runs a program to its end, and writes how it ended and what it took.
#
#   watched.pl REPORT SECONDS SECRET PROGRAM [WORD…]
#
# REPORT gets one line: exit status as of wait(2), largest resident memory in KiB,
# session, and 1 if it had to be killed after SECONDS. SECRET is open in it.

use strict;
use warnings;
use POSIX ();

my ($report, $seconds, $secret, @words) = @ARGV;
my $wait4 = (POSIX::uname())[4] eq 'aarch64' ? 260 : 61;
# Without a terminal of its caller's it gets a session of its own.
POSIX::setsid() unless -t STDIN;
my ($session) = do {
    open(my $stat, '<', '/proc/self/stat') or die;
    (split / /, (split /\) /, <$stat>)[1])[3];
};
my $pid = fork() // die "fork: $!";
if ($pid == 0) {
    open(my $file, '<', $secret) or die "$secret: $!";
    POSIX::dup2(fileno($file), 9);
    exec { $words[0] } @words or die "$words[0]: $!";
}
my $late = 0;
local $SIG{ALRM} = sub { $late = 1; kill 'KILL', $pid };
alarm $seconds;
my ($status, $usage) = (pack('i', 0), "\0" x 144);
my $done = -1;
while ($done < 0) { $done = syscall($wait4, $pid, $status, 0, $usage) }
alarm 0;
my $maximum = unpack 'q', substr $usage, 32, 8;
open(my $out, '>', $report) or die "$report: $!";
print $out join(' ', unpack('i', $status), $maximum, $session, $late), "\n";
