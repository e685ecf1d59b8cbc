# How LON-CAPA's lonnet.pm uses lonc, as far as lonc sees it: a new connection for each request, one line each way,
# SIGUSR1 to the daemon when a peer is lost, and a file for later when a critical command gets no answer.
package Lonnet;

use strict;
use warnings;

use IO::Socket::UNIX;
use Time::HiRes qw(sleep);

# socket-dir, and optionally: pid-file (without it no signal is sent), perm-log (needed by `critical`), hosts-tab
# (without it every host is known).
sub new {
    my ($class, %option) = @_;
    return bless {%option, 'dump_count' => 0}, $class;
}

# One request, one answer, no second attempt.
sub subreply {
    my ($self, $command, $host) = @_;
    my $client = IO::Socket::UNIX->new(Peer => "$self->{'socket-dir'}/$host", Type => SOCK_STREAM, Timeout => 10)
        or return 'con_lost';
    print {$client} "$command\n";
    $client->flush;
    my $answer = <$client>;
    chomp $answer if defined $answer;
    return defined $answer && length $answer ? $answer : 'con_lost';
}

# Makes lonc try its peers again, and waits a moment.
sub reconlonc {
    my ($self) = @_;
    open(my $file, '<', $self->{'pid-file'}) or return;
    my $pid = <$file> // '';
    chomp $pid;
    return unless $pid =~ /^\d+$/ and kill 0, $pid;
    kill 'USR1', $pid;
    sleep 1;
}

sub is_known {
    my ($self, $host) = @_;
    return 1 unless $self->{'hosts-tab'};
    open(my $table, '<', $self->{'hosts-tab'}) or return 0;
    return scalar grep { /^\Q$host\E:/ } <$table>;
}

sub reply {
    my ($self, $command, $host) = @_;
    return 'no_such_host' unless $self->is_known($host);
    my $answer = $self->subreply($command, $host);
    return $answer if $answer ne 'con_lost' or !$self->{'pid-file'};
    $self->reconlonc;
    return $self->subreply($command, $host);
}

# `epoch:KIND:HOST:COMMAND:localtime`, appended to the log that many programs share.
sub log_permanently {
    my ($self, $message) = @_;
    my $now = int time;
    open(my $log, '>>', $self->{'perm-log'}) or return;
    print {$log} "$now:$message:" . localtime($now) . "\n";
    close $log;
}

# The file of a command to be delivered later: written in place, and neither renamed nor synced.
sub delay {
    my ($self, $command, $host) = @_;
    my $count = ++$self->{'dump_count'};
    my $word = substr $command, 0, 16;
    $word =~ s/\W//g;
    my $path = "$self->{'socket-dir'}/delayed/" . int(time) . ".$count.$$.$word.$host";
    if (open(my $file, '>', $path)) {
        print {$file} "$command\n";
        close $file;
    }
    return $path;
}

# A command that must arrive, now or later. It counts as delayed only if its file can be read back.
sub critical {
    my ($self, $command, $host) = @_;
    my $answer = $self->reply($command, $host);
    return $answer if $answer ne 'con_lost';
    $self->reconlonc;
    $answer = $self->reply($command, $host);
    return $answer if $answer ne 'con_lost';

    my $path = $self->delay($command, $host);
    sleep 2;
    my $found = '';
    if (open(my $file, '<', $path)) {
        $found = <$file> // '';
        chomp $found;
    }
    my $is_there = $found eq $command;
    $self->log_permanently(($is_there ? 'D' : 'F') . ":$host:$command");
    return $is_there ? 'con_delayed' : 'con_failed';
}

1;
