"""The judge of delayed messages reports what is wrong, and only that."""
import unittest

from chaos import delayed

CRASH = ("Thu Nov 26 18:55:01 2026 (7): <WARNING> p1: Delayed message {} may have two S: lines, or reach p1 twice: "
         "lonc ended before its answer was on the disk; it is sent again")
CUT = "Thu Nov 26 18:55:01 2026 (7): <NOTICE> p1: Delayed chaosdelayed failed: timed out; {} is sent again"


class JudgeTest(unittest.TestCase):
    def judge(self, received, log=(), left=(1, 2, 3)):
        return delayed.judge({"p1": list(left)}, {"p1": list(received)}, log)

    def test_each_once_and_in_order_is_right(self):
        judgement = self.judge([1, 2, 3])
        self.assertTrue(judgement.is_content())
        self.assertEqual(judgement.left, 3)

    def test_a_missing_message(self):
        judgement = self.judge([1, 3])
        self.assertEqual(judgement.missing, [delayed.file_name(2, "p1")])
        self.assertFalse(judgement.is_content())

    def test_nothing_at_all(self):
        judgement = delayed.judge({"p1": [1]}, {}, [])
        self.assertEqual(judgement.missing, [delayed.file_name(1, "p1")])

    def test_a_message_before_an_older_one(self):
        judgement = self.judge([1, 3, 2])
        self.assertEqual(judgement.misplaced, ["p1"])
        self.assertFalse(judgement.is_content())

    def test_a_doubled_message_that_the_log_does_not_name(self):
        name = delayed.file_name(2, "p1")
        log = [CUT.format(delayed.file_name(1, "p1")), CRASH.format(delayed.file_name(2, "p2")), f"p1: {name} is young"]
        judgement = self.judge([1, 2, 2, 3], log)
        self.assertEqual(judgement.doubled, [name])
        self.assertEqual(judgement.unnamed, [name])
        self.assertFalse(judgement.is_content())

    def test_a_doubled_message_that_the_log_names(self):
        for line in (CRASH, CUT):
            with self.subTest(line=line):
                name = delayed.file_name(2, "p1")
                judgement = self.judge([1, 2, 2, 3], ["before", line.format(name), "after"])
                self.assertEqual(judgement.doubled, [name])
                self.assertTrue(judgement.is_content())

    def test_the_second_copy_may_arrive_later(self):
        self.assertEqual(self.judge([1, 2, 3, 1]).doubled, [delayed.file_name(1, "p1")])


if __name__ == "__main__":
    unittest.main()
