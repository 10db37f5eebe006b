# The process of a hostile VM: it opens a monitor, says the number of the
# descriptor that listens there, and does what it is told, a line each, with
# fields between unit separators.
#
#   argv WORD…                    overwrites its own command line
#   exec NAME=VALUE… -- FILE WORD…  becomes another program
#   stuck FILE                    under a filter, and in an exec without an end

use strict;
use warnings;
use Config;
use Socket;
use POSIX ();

my ($PRCTL, $PTRACE) = $Config{archname} =~ /^x86_64/ ? (157, 101) : (167, 117);
my ($SET_DEATH_SIGNAL, $SET_SECCOMP, $NO_NEW_PRIVS) = (1, 22, 38);
my $SEIZE = 0x4206;

$| = 1;
my ($path) = @ARGV;
socket(my $listener, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, sockaddr_un($path)) or die "bind: $!";
listen($listener, 16) or die "listen: $!";
if (my $user = $ENV{BECOME_USER}) {
    $) = "$user $user";
    $( = $user;
    ($<, $>) = ($user, $user);
}
print fileno($listener), "\n";

# prctl(PR_SET_MM, PR_SET_MM_MAP), which any process may do to itself: its words
# are what is in this memory.
my $words = '';
my ($prctl, $brk) = (POSIX::uname())[4] eq 'aarch64' ? (167, 214) : (157, 12);
sub pretend {
    $words = join('', map { "$_\0" } @_);
    open(my $file, '<', '/proc/self/stat') or die "stat: $!";
    my @stat = split / /, (split /\) /, <$file>)[1];
    my $field = sub { $stat[$_[0] - 3] };
    my $start = unpack 'J', pack 'P', $words;
    my $map = pack 'Q12L2', (map { $field->($_) } 26, 27, 45, 46, 47),
        syscall($brk, 0), $field->(28), $start, $start + length $words,
        (map { $field->($_) } 50, 51), 0, 0, 0xFFFFFFFF;
    return syscall($prctl, 35, 14, $map, length $map, 0) == 0;
}

while (my $line = <STDIN>) {
    chomp $line;
    my ($verb, @fields) = split /\x1f/, $line, -1;
    if ($verb eq 'argv') {
        print pretend(@fields) ? "done\n" : "$!\n";
        next;
    }
    if ($verb eq 'stuck') {
        be_filtered();
        have_traced_thread();
        print "done\n";
        exec { $fields[0] } @fields;
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

# A filter that allows everything.
sub be_filtered {
    my $filter = pack 'SCCL', 6, 0, 0, 0x7fff0000;
    my $program = pack 'S x6 P', 1, $filter;
    syscall($PRCTL, $NO_NEW_PRIVS, 1, 0, 0, 0) == 0 or die "prctl: $!";
    syscall($PRCTL, $SET_SECCOMP, 2, $program, 0, 0) == 0 or die "prctl: $!";
}

# An exec waits for all other threads to be gone, and one that is traced is gone
# when its tracer has taken note of it.
sub have_traced_thread {
    require threads;
    pipe(my $ready, my $ready_end) or die "pipe: $!";
    threads->create(sub { sleep 600 })->detach;
    my ($thread) = grep { $_ != $$ } map { m{(\d+)$} } glob '/proc/self/task/*';
    if (fork() == 0) {
        syscall($PRCTL, $SET_DEATH_SIGNAL, 9, 0, 0, 0);
        syscall($PTRACE, $SEIZE, $thread + 0, 0, 0) == 0 or die "ptrace: $!";
        syswrite $ready_end, 'x';
        sleep 600;
        exit;
    }
    close $ready_end;
    sysread($ready, my $byte, 1) == 1 or die 'no tracer';
}
