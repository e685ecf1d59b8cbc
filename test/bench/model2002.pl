#!/usr/bin/perl
# A model of one child of the lonc of 2002, only for the benchmark: one socket, one connection to the peer, one
# request at a time. The waits of its select loop (100 s for something to read, then 1 s for a client to write to) are
# those of the original; so are the blocking exchange with the peer, the tied hash of pending requests, and the line
# with the time of day that it formats at each step of a request, for its status file. Its sleep of 5 s in the handshake
# is omitted.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Tie::RefHash;

my ($path, $port, $address) = @ARGV;
$SIG{PIPE} = 'IGNORE';

my $peer = IO::Socket::INET->new(PeerAddr => $address // '127.0.0.1', PeerPort => $port, Proto => 'tcp') or die "peer: $!";
$peer->autoflush(1);

my $state = '';

sub enter {
    my ($step) = @_;
    my $time = localtime;
    $state = "$time: $step";
}

sub failed { die @_ }
$SIG{__DIE__} = \&failed;

sub exchange {
    my ($line) = @_;
    my $answer;
    if ($line eq "close_connection_exit\n") { exit }
    if ($line =~ /^encrypt:/) { die "the model has no cipher\n" }
    $SIG{ALRM} = sub { die "timeout\n" };
    $SIG{__DIE__} = 'DEFAULT';
    eval {
        alarm(300);
        enter("to peer $line");
        print {$peer} $line;
        enter("peer is asked $line");
        $answer = <$peer>;
        enter("from peer $line");
        alarm(0);
    };
    if ($@ =~ /timeout/) { $answer = '' }
    $SIG{ALRM} = 'DEFAULT';
    $SIG{__DIE__} = \&failed;
    if (defined $answer && $answer =~ /^enc/) { die "the model has no cipher\n" }
    enter("over $line");
    return defined $answer && length $answer ? $answer : "con_lost\n";
}

my $challenge = exchange("init\n");
exchange($challenge) eq "ok\n" or die "no ok";
exchange("pong\n");
exchange("ekey\n");

unlink $path;
my $server = IO::Socket::UNIX->new(Local => $path, Type => SOCK_STREAM, Listen => 10) or die "listen: $!";
$server->blocking(0);

my (%in, %out, %ready);
tie %ready, 'Tie::RefHash';
my $clients = IO::Select->new($server);

sub drop {
    my ($client) = @_;
    delete @{$_}{$client} for \%in, \%out, \%ready;
    $clients->remove($client);
    close $client;
}

while (1) {
    for my $client ($clients->can_read(100.0)) {
        if ($client == $server) {
            enter('client');
            my $new = $server->accept or next;
            $clients->add($new);
            $new->blocking(0);
            next;
        }
        my $data = '';
        my $got = $client->recv($data, POSIX::BUFSIZ(), 0);
        if (!defined $got || !length $data) {
            drop($client);
            enter('client gone');
            next;
        }
        $in{$client} .= $data;
        while ($in{$client} =~ s/^(.*\n)//) { push @{ $ready{$client} }, $1 }
    }
    for my $client (keys %ready) {
        $out{$client} .= exchange($_) for @{ delete $ready{$client} };
    }
    for my $client ($clients->can_write(1)) {
        next unless exists $out{$client};
        my $sent = $client->send($out{$client}, 0);
        if (!defined $sent) { next }
        if ($sent == length $out{$client} || $! == POSIX::EWOULDBLOCK()) {
            substr($out{$client}, 0, $sent) = '';
            delete $out{$client} unless length $out{$client};
        } else {
            drop($client);
        }
    }
}
