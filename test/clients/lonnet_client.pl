#!/usr/bin/perl
# Talks to lonc as lonnet.pm does: a new connection for each request, ten seconds to connect, one line each way, and
# SIGUSR1 to the daemon when a peer is lost.
#   lonnet_client.pl [--pid-file FILE] SOCKETDIR HOST CMD...        prints the answer to each command
#   lonnet_client.pl --load --workers N --requests M [--encrypt] SOCKETDIR HOST...
use strict;
use warnings;

use Getopt::Long;
use IO::Socket::UNIX;
use Time::HiRes qw(time sleep);

my %option = ('workers' => 4, 'requests' => 100, 'pid-file' => '');
GetOptions(\%option, qw(load encrypt workers=i requests=i pid-file=s))
    or die "lonnet_client.pl: bad arguments\n";
my ($socket_dir, $first_host, @rest) = @ARGV;
die "lonnet_client.pl: SOCKETDIR HOST ... expected\n" unless defined $first_host;

# One request, one answer, no second try.
sub subreply {
    my ($command, $host) = @_;
    my $client = IO::Socket::UNIX->new(Peer => "$socket_dir/$host", Type => SOCK_STREAM, Timeout => 10)
        or return 'con_lost';
    print {$client} "$command\n";
    $client->flush;
    my $answer = <$client>;
    chomp $answer if defined $answer;
    return defined $answer && length $answer ? $answer : 'con_lost';
}

# Asks lonc to try its peers again, and gives it a moment.
sub reconlonc {
    open(my $file, '<', $option{'pid-file'}) or return;
    my $pid = <$file>;
    chomp $pid;
    return unless $pid =~ /^\d+$/ and kill 0, $pid;
    kill 'USR1', $pid;
    sleep 1;
}

sub reply {
    my ($command, $host) = @_;
    my $answer = subreply($command, $host);
    return $answer if $answer ne 'con_lost' or !$option{'pid-file'};
    reconlonc();
    return subreply($command, $host);
}

# Asks its requests one after the other, each with a token of its own; returns [outcome, seconds] for each.
sub work {
    my ($worker, @hosts) = @_;
    return map {
        my $token   = "$$-$worker-$_";
        my $command = ($option{'encrypt'} ? 'encrypt:' : '') . "echo:$token";
        my $start   = time;
        my $answer  = subreply($command, $hosts[$_ % @hosts]);
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
    my @workers = map { start_worker($_, @hosts) } 1 .. $option{'workers'};
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
exit load($first_host, @rest) if $option{'load'};
print reply($_, $first_host), "\n" for @rest;
