# The process of a hostile VM: it opens a monitor, says the number of the
# descriptor that listens there, and does what it is told, a line each, with
# fields between unit separators.
#
#   argv WORD…                    overwrites its own command line
#   exec NAME=VALUE… -- FILE WORD…  becomes another program

use strict;
use warnings;
use Socket;

$| = 1;
my ($path) = @ARGV;
socket(my $listener, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, sockaddr_un($path)) or die "bind: $!";
listen($listener, 16) or die "listen: $!";
print fileno($listener), "\n";

while (my $line = <STDIN>) {
    chomp $line;
    my ($verb, @fields) = split /\x1f/, $line, -1;
    if ($verb eq 'argv') {
        $0 = join "\0", @fields;
        print "done\n";
        next;
    }
    my %environment;
    while (defined(my $field = shift @fields)) {
        last if $field eq '--';
        my ($name, $value) = split /=/, $field, 2;
        $environment{$name} = $value;
    }
    my $file = shift @fields;
    %ENV = %environment;
    exec { $file } @fields or print "failed: $!\n";
}
