#!/usr/bin/perl
# Talks to lonc as lonnet.pm does: a new connection for each request, ten seconds to connect, one line each way, and
# SIGUSR1 to the daemon when a peer is lost.
#   lonnet_client.pl [--pid-file FILE] SOCKETDIR HOST CMD...        prints the answer to each command
#   lonnet_client.pl --critical --perm-log FILE [--pid-file FILE] SOCKETDIR HOST CMD...
#       prints what a critical command comes to: the answer, con_delayed or con_failed; with --workers N as many
#       processes at once, each with all commands, `%` in them replaced by its number
#   lonnet_client.pl --load --workers N --requests M [--encrypt] SOCKETDIR HOST...
use strict;
use warnings;

use Getopt::Long;
use IO::Socket::UNIX;
use Time::HiRes qw(time sleep);

my %option = ('requests' => 100, 'pid-file' => '', 'perm-log' => '');
GetOptions(\%option, qw(load critical encrypt workers=i requests=i pid-file=s perm-log=s))
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

# `epoch:KIND:HOST:COMMAND:localtime`, appended to the log that many programs share.
sub log_permanently {
    my ($message) = @_;
    my $now = int time;
    open(my $log, '>>', $option{'perm-log'}) or return;
    print {$log} "$now:$message:" . localtime($now) . "\n";
    close $log;
}

# The file of a command that is to be delivered later: written in place, and neither renamed nor synced.
my $dump_count = 0;

sub delay {
    my ($command, $host) = @_;
    $dump_count++;
    my $word = substr $command, 0, 16;
    $word =~ s/\W//g;
    my $path = "$socket_dir/delayed/" . int(time) . ".$dump_count.$$.$word.$host";
    if (open(my $file, '>', $path)) {
        print {$file} "$command\n";
        close $file;
    }
    return $path;
}

# A command that must arrive, now or later. What was delayed is believed only when it can be read back.
sub critical {
    my ($command, $host) = @_;
    my $answer = reply($command, $host);
    return $answer if $answer ne 'con_lost';
    reconlonc();
    $answer = reply($command, $host);
    return $answer if $answer ne 'con_lost';

    my $path = delay($command, $host);
    sleep 2;
    my $found = '';
    if (open(my $file, '<', $path)) {
        $found = <$file> // '';
        chomp $found;
    }
    my $is_there = $found eq $command;
    log_permanently(($is_there ? 'D' : 'F') . ":$host:$command");
    return $is_there ? 'con_delayed' : 'con_failed';
}

# Each worker asks all commands; their outcomes are printed as they come.
sub criticals {
    my ($host, @commands) = @_;
    my @pids;
    for my $worker (1 .. $option{'workers'} // 1) {
        my $pid = fork // die "lonnet_client.pl: cannot fork: $!\n";
        push @pids, $pid and next if $pid;
        for my $command (@commands) {
            my $own = $command =~ s/%/$worker/gr;
            print critical($own, $host), "\n";
        }
        exit 0;
    }
    waitpid $_, 0 for @pids;
    return 0;
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
print reply($_, $first_host), "\n" for @rest;
