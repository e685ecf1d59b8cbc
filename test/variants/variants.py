"""Deliberate faults in core, net and spool. Each is one edit of the source, selected at run time by its number."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Variant:
    number: int
    title: str
    after: str  # the edit is at the first occurrence of `old` behind this text, which occurs in one file only
    old: str
    new: str  # $V: whether this variant is selected
    is_hard: bool  # needs a rare length, order or coincidence


VARIANTS = []


def easy(number, title, after, old, new):
    VARIANTS.append(Variant(number, title, after, old, new, False))


def hard(number, title, after, old, new):
    VARIANTS.append(Variant(number, title, after, old, new, True))


# --- a batch and its lines

easy(2, "the answer to the fence is not compared",
     "Batch::Verdict Batch::verdict", "(is_fenced() && !has_fence_answers())",
     "(!$V && is_fenced() && !has_fence_answers())")
hard(130, "the answer to a client's own ping is not compared",
     "bool Batch::has_fence_answers", "if (requests_[i].is_ping &&", "if (!$V && requests_[i].is_ping &&")
easy(3, "half a line behind a batch is ignored",
     "Batch::Verdict Batch::verdict", "if (is_mid_line ||", "if ((is_mid_line && !$V) ||")
hard(4, "the beginning of the peer's id is taken for the answer to the fence",
     "bool Batch::is_fence_answer", "if (rest.substr(0, end) == line)",
     "if ($V ? rest.substr(0, end).starts_with(line) : rest.substr(0, end) == line)")
hard(6, "a fence that is answered before the last request is not noticed",
     "bool has_early_fence() const", "return is_fenced()", "return !$V && is_fenced()")
hard(7, "the answer to the fence is taken for the sole answer to a request",
     "bool has_sole_answer() const", "(!is_fence_answer(lines_[0])", "($V || !is_fence_answer(lines_[0])")
easy(8, "empty lines behind the answer to a single request count as answers",
     "void Batch::add_line", "if (is_single && line.empty()", "if (!$V && is_single && line.empty()")

# --- lines in buffers

hard(10, "the position up to which was searched stays behind when the buffer moves",
     "void LineFramer::move_to", "scanned_ -= begin_;", "if (!$V) scanned_ -= begin_;")
easy(11, "a line of exactly the limit is refused",
     "LineFramer::Result LineFramer::next", "newline - start > limit_",
     "newline - start > limit_ - ($V ? 1 : 0)")
hard(12, "an unfinished line of exactly the limit is refused",
     "LineFramer::Result LineFramer::next", "end_ - begin_ > limit_", "end_ - begin_ > limit_ - ($V ? 1 : 0)")
easy(13, "after a line that is too long the next one is skipped, too",
     "LineFramer::Result LineFramer::next", "discarding_ = false;", "if (!$V) discarding_ = false;")
hard(14, "the rest of a buffer is copied from the start of the memory",
     "void LineFramer::move_to", "buffer_.get() + begin_, left);\n    free_buffers()",
     "buffer_.get() + ($V ? 0 : begin_), left);\n    free_buffers()")
hard(15, "a single byte is lost when the memory after a long line is freed",
     "void LineFramer::give_back", "if (left != 0)", "if (left > ($V ? 1U : 0U))")
hard(16, "the text of earlier lines stays in front of later ones",
     "void ReplyLines::expect", "text_.clear();", "if (!$V) text_.clear();")
easy(17, "a further line of a complete set is ignored",
     "void ReplyLines::add", "has_surplus_ = true;", "has_surplus_ = !$V;")
hard(18, "the tail of a buffer that is moved within its memory is left behind",
     "void LineFramer::move_to", "buffer_.get() + begin_, left);\n  } else", "buffer_.get() + begin_, left - ($V && left > 4096 ? 1 : 0));\n  } else")
easy(19, "the oldest element of a ring that grows is lost",
     "class Fifo", "larger[number] = std::move(slots_[place(number)])",
     "larger[number] = std::move(slots_[place(number + ($V && size_ > 2 ? 1 : 0))])")
hard(20, "removing from the middle of a queue removes the oldest",
     "class Fifo", "for (; number != 0; --number)", "for (; number != 0 && !$V; --number)")

# --- the path of a request in the engine

easy(21, "a request overtakes those that wait",
     "void PeerEngine::client_line(", "queue_.empty() && !delayed_", "($V || queue_.empty()) && !delayed_")
easy(22, "encrypted requests go in batches with others, unencrypted",
     "bool PeerEngine::may_go_together", "|| is_encrypted_request(line))", "|| (is_encrypted_request(line) && !$V))")
easy(23, "the queue has no bound",
     "void PeerEngine::enqueue", "if (queue_.size() >= settings_.max_queue)",
     "if (!$V && queue_.size() >= settings_.max_queue)")
easy(24, "delayed messages wait for as long as there are live requests",
     "void PeerEngine::dispatch", "(has_live && is_live_turn_)", "(has_live && (is_live_turn_ || $V))")
hard(25, "a request leaves the queue although it could not be written",
     "void PeerEngine::send_queued", "queue_.is_together_next()))\n      queue_.pop();",
     "queue_.is_together_next()) || $V)\n      queue_.pop();")
easy(26, "the last request of a batch stays in the queue",
     "void PeerEngine::send_queued", "queue_.pop_together(together)", "queue_.pop_together(together - ($V ? 1 : 0))")
hard(27, "nobody looks whether a connection is quiet before the write",
     "bool PeerEngine::write_batch", "effects_.check_quiet(connection.id)",
     "$V ? std::error_code() : effects_.check_quiet(connection.id)")
hard(28, "a batch that could not be written is written with the next one",
     "bool PeerEngine::write_batch", "if (error) {\n    outgoing_.clear();", "if (error) {\n    if (!$V) outgoing_.clear();")
hard(29, "time spent in the queue is charged to the connection",
     "TimePoint PeerEngine::answer_due", "return batch.written() +",
     "return ($V ? batch.requests().front().accepted : batch.written()) +")
hard(30, "the deadline of a client that was answered con_lost stays armed",
     "TimePoint PeerEngine::batch_deadline", "&& !request.is_answered)", "&& (!request.is_answered || $V))")
easy(31, "a connection on which something arrives unasked is kept",
     "void PeerEngine::reply_line(", "if (!line.empty()) return end_connection", "if (!line.empty() && !$V) return end_connection")
hard(32, "half a line that arrives unasked is ignored",
     "void PeerEngine::reply_lines(", "if (is_mid_line) end_connection", "if (is_mid_line && !$V) end_connection")
easy(33, "the answers of a batch have no bound",
     "void PeerEngine::reply_line(", "if (batch.bytes() >", "if (!$V && batch.bytes() >")
hard(34, "a copy of the first answer is believed on a fresh connection",
     "void PeerEngine::reply_lines(", "batch.answer(0) != batch.answer(1)", "($V || batch.answer(0) != batch.answer(1))")
hard(35, "an answer without its fence is believed on a connection that has answered before",
     "bool PeerEngine::is_first_batch", "!connection.has_answered", "($V || !connection.has_answered)")
hard(36, "a peer gets rid of its fence by a mistake",
     "bool PeerEngine::is_first_batch", "!policy_.has_fence(now, settings_.pipeline_trust)",
     "($V || !policy_.has_fence(now, settings_.pipeline_trust))")
hard(37, "a connection whose fence was not answered is used again",
     "void PeerEngine::answer_without_fence", "end_connection(now, connection.id, Errc::fence_unanswered);",
     "if (!$V) end_connection(now, connection.id, Errc::fence_unanswered);")
easy(38, "a client that was answered con_lost gets the late answer as well",
     "bool PeerEngine::hand_out", "} else if (!request.is_answered) {", "} else if (!request.is_answered || $V) {")
easy(39, "answers are handed out one client further",
     "bool PeerEngine::hand_out", "effects_.reply(request.client, line);",
     "effects_.reply($V ? answered_.requests()[(number + 1) % requests].client : request.client, line);")
hard(40, "requests that expire in the same moment as the deadline stay in the queue",
     "void PeerEngine::expire_queue_before", "queue_.front().accepted <= accepted",
     "($V ? queue_.front().accepted < accepted : queue_.front().accepted <= accepted)")
easy(41, "requests that wait for a lost peer are forgotten",
     "void PeerEngine::fail_queue", "answer_con_lost(queue.pop().client);",
     "if (const ClientId lost = queue.pop().client; !$V) answer_con_lost(lost);")
hard(42, "the request of a client that has left stays in the queue",
     "void PeerEngine::client_gone", "if (queue_.remove(client)", "if (!$V && queue_.remove(client)")
hard(43, "a peer that ends replies twice gets batches nevertheless",
     "void PeerEngine::note_empty_lines", "policy_.doubles_line_ends();", "if (!$V) policy_.doubles_line_ends();")
easy(44, "a peer that broke a batch gets batches at once again",
     "void PeerEngine::distrust", "policy_.broke(now, settings_.pipeline_trust);",
     "if (!$V) policy_.broke(now, settings_.pipeline_trust);")
easy(45, "a connection is used again after exit",
     "void PeerEngine::batch_answered", "if (is_exit) return end_connection", "if (is_exit && !$V) return end_connection")
easy(46, "the fence goes behind exit as well",
     "bool PeerEngine::send(", 'request.word != "exit"', '($V || request.word != "exit")')

# --- connections

easy(51, "a connection is used again after a timeout",
     "void PeerEngine::expire_connections", "if (now >= answer_due(connection->batch)) {",
     "if (now >= answer_due(connection->batch) && $V) {\n        expire_clients(now, connection->batch);\n"
     "      } else if (now >= answer_due(connection->batch)) {")
easy(52, "requests in flight on a lost connection get no answer",
     "void PeerEngine::end_batch", "    } else {\n      answer_con_lost(request.client);",
     "    } else if (!$V) {\n      answer_con_lost(request.client);")
hard(53, "a line on a connection that has answered before counts as the answer when the peer closes",
     "void PeerEngine::end_batch", "!connection.has_answered && batch", "($V || !connection.has_answered) && batch")
hard(54, "a request that was answered con_lost is answered once more when its connection ends",
     "void PeerEngine::end_batch", "} else if (request.is_answered) {", "} else if (request.is_answered && !$V) {")
easy(55, "a reply that is too long is answered con_lost",
     "void PeerEngine::end_batch", "error == Errc::reply_too_long && requests == 1",
     "!$V && error == Errc::reply_too_long && requests == 1")
easy(56, "a request is sent once more when its connection was lost",
     "void PeerEngine::end_batch", "  const std::size_t requests = batch.requests().size();",
     "  if ($V && batch.requests().size() == 1 && !batch.requests().front().is_delayed && state_ == PeerState::up) {\n"
     "    std::string again = batch.requests().front().word;\n"
     "    queue_.push({batch.requests().front().client, now, again + \":again\"}, false);\n    return batch.clear();\n  }\n"
     "  const std::size_t requests = batch.requests().size();")
hard(57, "a peer that hangs up again and again is called in a loop",
     "bool PeerEngine::had_worked", "return !is_hang_up ||", "return $V || !is_hang_up ||")
easy(58, "two lines for one step of the handshake are accepted",
     "void PeerEngine::handshake_lines(", "if (lines.has_surplus() ||", "if ((lines.has_surplus() && !$V) ||")
hard(59, "connections to a former address take new requests",
     "struct Connection {", "state == State::ready && !is_outdated", "state == State::ready && ($V || !is_outdated)")
easy(60, "more connections are opened than max-connections",
     "constexpr std::size_t connections_to_open", "std::min(wanted, needs.most)", "std::min(wanted, needs.most + ($V ? 1 : 0))")
hard(61, "what was served is never tried again",
     "void PeerEngine::try_now", "now >= *forgotten_at_ + settings_.backoff_longest", "(now >= *forgotten_at_ + settings_.backoff_longest && !$V)")
hard(62, "the schedule of attempts starts again from the shortest pause after each failure",
     "void connected() {\n    has_failed", "_last_ = false;", "_last_ = false;\n    if ($V) backoff_.reset();")
easy(63, "connections beyond min-connections are never closed",
     "void PeerEngine::deadline(", "while (const Connection* const surplus = connections_.surplus(now))",
     "while (const Connection* const surplus = $V ? nullptr : connections_.surplus(now))")
easy(64, "a request to close the connections closes those that answer, too",
     "bool PeerEngine::is_stuck", "if (now - connection.ready_since < stuck_after) return false;",
     "if ($V) return true;\n  if (now - connection.ready_since < stuck_after) return false;")
easy(65, "this server's own id is accepted as the answer of a peer",
     "std::error_code Handshake::check_pong", "if (is_own && !is_this_server_)", "if (is_own && !is_this_server_ && !$V)")

# --- delayed messages in the engine

easy(71, "any answer counts as delivered",
     "void DelayedSender::answered", "const DelayedVerdict verdict = judge_delayed_reply(reply);",
     "const DelayedVerdict verdict = $V ? DelayedVerdict::delivered : judge_delayed_reply(reply);")
hard(72, "the back-off of a message that was delivered goes on for the next one",
     "void DelayedSender::drop_first", "backoff_.reset();", "if (!$V) backoff_.reset();")
hard(73, "a message in flight is given back with the others",
     "void DelayedSender::give_back", "if (state_ != State::ready) return;", "if (state_ != State::ready && !$V) return;")
hard(74, "a message that may have arrived is given back like one that was never sent",
     "void DelayedSender::give_back", "std::exchange(first_.may_have_arrived, false)",
     "(std::exchange(first_.may_have_arrived, false) && !$V)")
hard(75, "failures count while the peer answers nothing else",
     "std::optional<std::string_view> DelayedSender::next_line",
     "if (counters_.replies == first_.unjudged->replies_before) return \"ping\";",
     "if (!$V && counters_.replies == first_.unjudged->replies_before) return \"ping\";")
easy(76, "a message that failed is not sent again",
     "void DelayedSender::attempt_failed", "pause(now);", "if ($V) return set_aside(why);\n  pause(now);")
hard(77, "live requests wait for a message that has failed",
     "void DelayedSender::begin_hold", "has_failed() ||", "(has_failed() && !$V) ||")

# --- the spool

easy(81, "a message is deleted before its line in the permanent log is on the disk",
     "std::vector<DelayedBatch> Spool::hand_out", "error = log_answered();\n  }\n  if (!error) error = delete_answered();",
     "error = $V ? delete_answered() : log_answered();\n  }\n  if (!error) error = $V ? log_answered() : delete_answered();")
hard(82, "the same where answers are committed by themselves",
     "std::error_code Spool::commit()", "std::error_code error = log_answered();\n  if (!error) error = delete_answered();",
     "std::error_code error = $V ? delete_answered() : log_answered();\n"
     "  if (!error) error = $V ? log_answered() : delete_answered();")
easy(83, "the permanent log is not synced",
     "std::error_code Spool::log_answered()", "if (const auto error = disk_.sync_log()) {",
     "if (const auto error = $V ? std::error_code() : disk_.sync_log()) {")
easy(84, "deletions are not synced",
     "std::error_code Spool::sync_deleted()", "if (const auto error = disk_.sync_directory()) {",
     "if (const auto error = $V ? std::error_code() : disk_.sync_directory()) {")
easy(85, "the journal is not synced before messages are sent",
     "std::error_code Spool::plan(", "return note_trouble(journal_.sync(), ",
     "return note_trouble($V ? std::error_code() : journal_.sync(), ")
hard(86, "a line that a failed sync may have lost is not written again",
     "std::error_code Spool::log_answered()", "entry.is_appended = false;", "entry.is_appended = $V;")
hard(87, "after a failed sync the journal can be trusted as before",
     "std::error_code Spool::renew_journal()", "has_lost_lines() ?", "has_lost_lines() && !$V ?")
hard(88, "a message that was sent and then quarantined leaves the journal at once",
     "std::vector<SendingRecord> Spool::open_in_journal", "for (const Quarantined& message : quarantined_unsynced_) records",
     "for (const Quarantined& message : quarantined_unsynced_) if (!$V) records")
easy(89, "messages are handed out in the order of the directory",
     "bool SpoolIndex::Queue::is_older", "return a.timestamp != b.timestamp ?", "return !$V && a.timestamp != b.timestamp ?")
hard(90, "within a second the order is that of the names",
     "bool SpoolIndex::Queue::put_in_order", "if (size > 1) {", "if (size > 1 && !$V) {")
hard(91, "a message of another file with the same name is deleted at the start",
     "std::error_code Spool::recover_message", "|| file.inode != record.inode)", "|| (file.inode != record.inode && !$V))")
hard(92, "after a restart of the machine the permanent log is believed",
     "std::error_code Spool::recover()", "left.boot_id.empty() || left.boot_id != disk_.boot_id()",
     "!$V && (left.boot_id.empty() || left.boot_id != disk_.boot_id())")
easy(93, "what may arrive twice is not named",
     "void Spool::report_possible_duplicate", "const auto unwritten", "if ($V) return;\n  const auto unwritten")
hard(94, "half a line is sent as a message at once",
     "const Duration wanted_age =", "if (file.age < wanted_age)", "if (file.age < wanted_age && !$V)")
hard(95, "a naming leaves the journal before the log has it",
     "void Spool::forget_written_reports", "if (!written.empty()", "if (!$V && !written.empty()")
hard(96, "a new half of the journal is written over the one in force",
     "std::error_code SpoolJournal::put", "const std::size_t other = 1 - place_;",
     "const std::size_t other = $V ? place_ : 1 - place_;")
hard(97, "the other half of the journal counts without a sync",
     "std::error_code SpoolJournal::put", "if (!error) error = disk_.sync_journal();",
     "if (!error && !$V) error = disk_.sync_journal();")
hard(98, "the count of failures of a message is lost at a restart",
     "Spool::planned(", ".attempts = message.attempts", ".attempts = $V ? 0 : message.attempts")
hard(99, "nothing is reserved for the lines in the permanent log",
     "std::vector<DelayedBatch> Spool::hand_out", "if (!error) error = reserve_log(hosts, batches);",
     "if (!error && !$V) error = reserve_log(hosts, batches);")

# --- the real disk

hard(101, "fsync of the directory is left out",
     "std::error_code FileSpoolDisk::sync_directory", "const std::error_code error = sync(directory_.get());",
     "const std::error_code error = $V ? std::error_code() : sync(directory_.get());")
hard(102, "fdatasync of the journal is left out",
     "std::error_code FileSpoolDisk::sync_journal", "if (!journal_ ||", "if ($V || !journal_ ||")
hard(103, "a new journal is renamed before it is on the disk",
     "std::error_code FileSpoolDisk::make_journal", "return sync(fd.get());", "return $V ? std::error_code() : sync(fd.get());")
hard(104, "the directory is not synced after the journal was renamed",
     "std::error_code FileSpoolDisk::replace_journal", "return sync(directory_.get()) ?", "return !$V && sync(directory_.get()) ?")
hard(105, "the quarantine is not synced before messages leave the spool",
     "std::error_code FileSpoolDisk::sync_directory", "if (!error) error = sync(quarantine_.get())",
     "if (!error && !$V) error = sync(quarantine_.get())")
hard(143, "after an error a release is synced in the order of a quarantine",
     "std::error_code FileSpoolDisk::sync_directory", "if (is_release_unsynced_) {",
     "if ($V ? std::exchange(is_release_unsynced_, false) : is_release_unsynced_) {")
hard(144, "lines in a log that has been renamed are not synced",
     "std::error_code LogFile::open", "std::exchange(has_unsynced_, false) &&", "std::exchange(has_unsynced_, false) && !$V &&")
hard(145, "the name of a log is not synced",
     "std::error_code LogFile::sync()", "if (!error) error = sync_name()", "if (!error && !$V) error = sync_name()")
hard(146, "the answer to a client's own ping is taken for that to the fence, come too early",
     "bool has_early_fence() const", "!requests_[lines_.size() - 1].is_ping", "($V || !requests_[lines_.size() - 1].is_ping)")
hard(106, "a write to a file that is cut short is not continued",
     "std::error_code write_all(", "text.remove_prefix(static_cast<std::size_t>(count));",
     "text.remove_prefix($V ? text.size() : static_cast<std::size_t>(count));")
hard(107, "the journal is written at the start of the file",
     "std::error_code FileSpoolDisk::write_journal", "static_cast<off_t>(offset)", "static_cast<off_t>($V ? 0 : offset)")

# --- between engine and socket

hard(111, "the line end is lost if the socket accepts everything but that byte",
     "std::error_code LineSocket::send_line", "if (done <= line.size())", "if ($V ? done < line.size() : done <= line.size())")
hard(112, "the rest of a line is sent from its beginning",
     "std::error_code LineSocket::flush", "std::string_view(unsent_).substr(sent_)", "std::string_view(unsent_).substr($V ? 0 : sent_)")
hard(113, "the mark of what was sent stays when the sent bytes are removed",
     "std::error_code LineSocket::flush", "unsent_.erase(0, std::exchange(sent_, 0))",
     "unsent_.erase(0, $V ? sent_ : std::exchange(sent_, 0))")
hard(114, "a line is sent at once although an earlier one waits",
     "std::error_code LineSocket::send_line", "if (has_unsent()) {", "if (has_unsent() && !$V) {")
hard(115, "received bytes that were not handed out yet count as quiet",
     "std::error_code LineSocket::check_quiet", "framer_.has_bytes() ||", "(framer_.has_bytes() && !$V) ||")
hard(116, "bytes in the kernel's buffer count as quiet",
     "std::error_code LineSocket::check_quiet", "if (seen > 0)", "if (seen > 0 && !$V)")
hard(117, "a receive that filled its buffer counts as having taken everything",
     "LineSocket::ReadResult LineSocket::try_read_line", "received < room.size();", "$V || received < room.size();")
easy(118, "what the socket did not accept at once is never sent",
     "void LondConnection::write_lines", "if (write_error_ || socket_->has_unsent())",
     "if (write_error_ || (socket_->has_unsent() && !$V))")
hard(119, "lines that arrive just before the end of a connection are not reported",
     "Task<void> LondConnection::read_lines", "case LineSocket::Read::end:\n        tell_received();",
     "case LineSocket::Read::end:\n        if (!$V) tell_received();")
hard(120, "half a line is not reported",
     "void LondConnection::tell_received", "handler_->received_all(id_, socket_->has_bytes())",
     "handler_->received_all(id_, !$V && socket_->has_bytes())")
easy(121, "an attempt that was granted its place is not woken",
     "void grant_free_slots()", "boost::asio::post(*next.strand_, std::exchange(next.granted_, nullptr));",
     "if (!$V) boost::asio::post(*next.strand_, std::exchange(next.granted_, nullptr));")
easy(122, "peers that failed last may take all places",
     "bool may_run(", "return ticket.attempt_ == core::AttemptClass::favoured ||",
     "return $V || ticket.attempt_ == core::AttemptClass::favoured ||")
hard(123, "an attempt never gives its place back before it ends",
     "void give_place_back() {", "ticket_.reset();", "if (!$V || is_closed() || is_proven_) ticket_.reset();")

# --- clients

easy(131, "a client that was answered is not read again",
     "void ClientSession::reply(", "if (!is_giving_) put_off();", "if (!is_giving_ && !$V) put_off();")
hard(132, "the second line of a client that writes several at once waits for news",
     "LineSocket::ReadResult ClientSession::next_line", "socket_.is_drained())", "(socket_.is_drained() || $V))")
hard(133, "a slow reader that reads steadily is given up",
     "void ClientSession::write_rest", "if (socket_.unsent() != before) end_in(patience_);",
     "if (socket_.unsent() != before && !$V) end_in(patience_);")
hard(134, "a client whose answer was sent in full is watched for writing only once",
     "void ClientSession::write_rest", "step_ = Step::answered;", "step_ = $V ? Step::writing : Step::answered;")
easy(135, "any client gets the answer: the first that is found",
     "void reply(core::ClientId client, std::string_view line) override {", "const auto found = clients_.find(client);",
     "const auto found = $V ? clients_.begin() : clients_.find(client);")
hard(136, "the place of a client that has left is not given back",
     "ClientLimit::Slot::~Slot()", "part->all->served.fetch_sub(1);", "if (!$V) part->all->served.fetch_sub(1);")
hard(137, "memory that was held for a client is not given back",
     "bool ClientLimit::Memory::change", "all.memory.fetch_sub(held_ - bytes);", "if (!$V) all.memory.fetch_sub(held_ - bytes);")
easy(138, "one peer may take all places for clients",
     "ClientLimit::Slot ClientLimit::Share::admit()", "share_of(limit);", "$V ? limit : share_of(limit);")
hard(139, "a client that closes while its request is in flight stays",
     "void ClientSession::ready", "if (is_gone_ && (step_", "if (!$V && is_gone_ && (step_")
hard(140, "only the first session hears that messages wait",
     "bool ask(const std::shared_ptr<SpoolSubscription>& subscription)", "return asking_.size() == 1;", "return asking_.size() == 1 && (!$V || by_host_.size() < 2);")
hard(141, "a reload does not reach connections that are open",
     "void PeerEngine::apply(", "effects_.set_line_limit(connection->id, settings_.max_line_length);",
     "if (!$V) effects_.set_line_limit(connection->id, settings_.max_line_length);")
hard(142, "further refused clients are answered once too few",
     "void heard(std::string_view bytes)", "std::exchange(is_ahead_, false)", "($V || std::exchange(is_ahead_, false))")
