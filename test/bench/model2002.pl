#!/usr/bin/perl
# A model of one child of the lonc of 2002, for the benchmark alone: one socket, one connection to the peer, one
# request at a time. The waits of its select loop (100 s for something to read, then 1 s for somebody to write to) are
# those of the original; so is the blocking exchange with the peer. Its sleep of 5 s in the handshake is left out.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();

my ($path, $port) = @ARGV;
$SIG{PIPE} = 'IGNORE';

my $peer = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp') or die "peer: $!";
$peer->autoflush(1);

sub exchange {
    my ($line) = @_;
    my $answer;
    eval {
        local $SIG{ALRM} = sub { die "timeout\n" };
        alarm(300);
        print {$peer} $line;
        $answer = <$peer>;
        alarm(0);
    };
    alarm(0);
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
            my $new = $server->accept or next;
            $clients->add($new);
            $new->blocking(0);
            next;
        }
        my $data = '';
        my $got = $client->sysread($data, POSIX::BUFSIZ());
        if (!$got) {
            drop($client);
            next;
        }
        $in{$client} .= $data;
        while ($in{$client} =~ s/^(.*\n)//) { push @{ $ready{$client} }, $1 }
    }
    for my $client (grep { $ready{$_} } $clients->handles) {
        $out{$client} .= exchange($_) for @{ delete $ready{$client} };
    }
    for my $client ($clients->can_write(1)) {
        next unless exists $out{$client};
        my $sent = $client->syswrite($out{$client});
        if (!defined $sent) { next }
        if ($sent == length $out{$client} || $! == POSIX::EWOULDBLOCK()) {
            substr($out{$client}, 0, $sent) = '';
            delete $out{$client} unless length $out{$client};
        } else {
            drop($client);
        }
    }
}
