# A page of the node, made in an Apache worker as LON-CAPA's pages are: its content comes from a peer through lonc.
#   /page?host=ID&command=COMMAND[&way=reply|subreply|critical]
# `reply` is lonnet's usual way, which sends USR1 and waits a second before it considers a peer lost.
package Page;

use strict;
use warnings;

use Apache2::Const -compile => qw(OK);
use Apache2::RequestIO   ();
use Apache2::RequestRec  ();
use Apache2::RequestUtil ();
use Time::HiRes          qw(time);

use Lonnet;

my %is_way = map { $_ => 1 } qw(reply subreply critical);

# Answers that lonnet.pm treats as no answer.
my %is_lost = map { $_ => 1 } qw(con_lost no_such_host con_delayed con_failed);

sub arguments_of {
    my ($request) = @_;
    my %argument = map { split /=/, $_, 2 } split /&/, $request->args // '';
    for my $value (values %argument) {
        $value =~ tr/+/ /;
        $value =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    }
    return %argument;
}

sub text {
    my ($text) = @_;
    my %entity = ('<' => '&lt;', '>' => '&gt;', '&' => '&amp;');
    $text =~ s/([<>&])/$entity{$1}/g;
    return $text;
}

sub handler {
    my ($request) = @_;
    my %argument = ('way' => 'reply', arguments_of($request));
    my $daemons  = $request->dir_config('lonDaemons');
    my $lonnet   = Lonnet->new(
        'socket-dir' => $request->dir_config('lonSockDir'),
        'pid-file'   => "$daemons/logs/lonc.pid",
        'perm-log'   => "$daemons/logs/lonnet.perm.log",
        'hosts-tab'  => $request->dir_config('lonTabDir') . '/hosts.tab',
    );
    my $way    = $is_way{$argument{'way'}} ? $argument{'way'} : 'reply';
    my $start  = time;
    my $answer = $lonnet->$way($argument{'command'}, $argument{'host'});
    my %shown  = (
        'host'   => $argument{'host'},
        'answer' => $answer,
        'worker' => $$,
        'user'   => scalar getpwuid($<),
        'took'   => sprintf('%.6f', time - $start),
    );
    $shown{'notice'} = "$argument{'host'} cannot be reached" if $is_lost{$answer};

    $request->content_type('text/html; charset=utf-8');
    $request->print("<!DOCTYPE html>\n<html lang=\"en\"><title>A page</title><body>\n",
        (map { "<p id=\"$_\">" . text($shown{$_}) . "</p>\n" } sort keys %shown), "</body></html>\n");
    return Apache2::Const::OK;
}

1;
