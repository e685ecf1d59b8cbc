#!/usr/bin/perl
# Talks to lonc as lonnet.pm does (Lonnet.pm), from the command line.
#   lonnet_client.pl [--pid-file FILE] SOCKETDIR HOST CMD...        prints the answer to each command
#   lonnet_client.pl --critical --perm-log FILE [--pid-file FILE] SOCKETDIR HOST CMD...
#       prints the outcome of each critical command: the answer, con_delayed or con_failed; with --workers N, N
#       processes at once, each with all commands, in which `%` is replaced by its number
#   lonnet_client.pl --load --workers N --requests M [--encrypt] SOCKETDIR HOST...
use strict;
use warnings;

use FindBin;
use Getopt::Long;
use Time::HiRes qw(time);

use lib $FindBin::Bin;
use Lonnet;

my %option = ('requests' => 100, 'pid-file' => '', 'perm-log' => '');
GetOptions(\%option, qw(load critical encrypt workers=i requests=i pid-file=s perm-log=s))
    or die "lonnet_client.pl: bad arguments\n";
my ($socket_dir, $first_host, @rest) = @ARGV;
die "lonnet_client.pl: SOCKETDIR HOST ... expected\n" unless defined $first_host;

my $lonnet = Lonnet->new(%option{'pid-file', 'perm-log'}, 'socket-dir' => $socket_dir);

# Each worker sends all commands; their outcomes are printed as they arrive.
sub criticals {
    my ($host, @commands) = @_;
    my @pids;
    for my $worker (1 .. $option{'workers'} // 1) {
        my $pid = fork // die "lonnet_client.pl: cannot fork: $!\n";
        push @pids, $pid and next if $pid;
        for my $command (@commands) {
            my $own = $command =~ s/%/$worker/gr;
            print $lonnet->critical($own, $host), "\n";
        }
        exit 0;
    }
    waitpid $_, 0 for @pids;
    return 0;
}

# Sends its requests one after the other, each with a unique token; returns [outcome, seconds] for each.
sub work {
    my ($worker, @hosts) = @_;
    return map {
        my $token   = "$$-$worker-$_";
        my $command = ($option{'encrypt'} ? 'encrypt:' : '') . "echo:$token";
        my $start   = time;
        my $answer  = $lonnet->subreply($command, $hosts[$_ % @hosts]);
        my $outcome = $answer eq $token ? 'ok' : $answer eq 'con_lost' ? 'lost' : 'wrong';
        [$outcome, time - $start];
    } 1 .. $option{'requests'};
}

sub start_worker {
    my ($worker, @hosts) = @_;
    my $pid = open(my $results, '-|') // die "lonnet_client.pl: cannot fork: $!\n";
    return $results if $pid;
    printf "%s %.6f\n", @$_ for work($worker, @hosts);
    exit 0;
}

sub load {
    my (@hosts) = @_;
    my %count = ('ok' => 0, 'lost' => 0, 'wrong' => 0);
    my @seconds;
    my @workers = map { start_worker($_, @hosts) } 1 .. $option{'workers'} // 4;
    for my $results (@workers) {
        while (<$results>) {
            my ($outcome, $seconds) = split;
            $count{$outcome}++;
            push @seconds, $seconds;
        }
        close $results;
    }
    @seconds = sort { $a <=> $b } @seconds;
    my $at = sub { sprintf '%.0f', 1e6 * ($seconds[int($_[0] * $#seconds)] // 0) };
    print join(' ', map({ "$_ $count{$_}" } qw(ok lost wrong)),
        'p50', $at->(0.50), 'us p99', $at->(0.99), 'us max', $at->(1), 'us'), "\n";
    return $count{'wrong'} ? 1 : 0;
}

$| = 1;
exit load($first_host, @rest)      if $option{'load'};
exit criticals($first_host, @rest) if $option{'critical'};
print $lonnet->reply($_, $first_host), "\n" for @rest;
