# SPDX-License-Identifier: Apache-2.0
"""The Python door: the same answers as the program."""
import unittest

import windtunnel

PIPELINE = "examples/course/12_pipeline.yaml"


class Door(unittest.TestCase):
    def test_run_answers_as_a_dict(self):
        # (n + p - 1)(f + b) = 11 x 30 ms.
        answer = windtunnel.run(PIPELINE)
        self.assertAlmostEqual(answer["measures"]["step_time_mean_s"], 0.33, places=12)
        self.assertIsNone(answer["failure"])
        twice = windtunnel.run(PIPELINE, set={"training.global_batch": 16}, sensitivities=True)
        self.assertAlmostEqual(twice["measures"]["step_time_mean_s"], 0.57, places=12)
        self.assertTrue(twice["sensitivities"])

    def test_a_dict_and_a_text_are_specs_too(self):
        spec = {"study": "training", "cluster": {"device": "h100-sxm-80gb", "num_devices": 2},
                "training": {"global_batch": 2, "parallelism": {"pipeline": 2},
                             "service_times": {"forward": "1 s", "backward": "2 s"}}}
        self.assertAlmostEqual(windtunnel.run(spec)["measures"]["step_time_mean_s"], 9.0, places=12)  # (2 + 2 - 1) x 3 s
        with open(PIPELINE) as file:
            self.assertEqual(windtunnel.run(file.read())["measures"], windtunnel.run(PIPELINE)["measures"])

    def test_one_device_with_its_own_times(self):
        spec = {"study": "training", "cluster": {"device": "h100-sxm-80gb", "num_devices": 1},
                "training": {"global_batch": 2, "service_times": {"forward": "1 s", "backward": "2 s"}}}
        self.assertAlmostEqual(windtunnel.run(spec)["measures"]["step_time_mean_s"], 6.0, places=12)

    def test_sweep_gives_rows(self):
        rows = windtunnel.sweep(PIPELINE, {"training.global_batch": [8, 16], "training.micro_batch": "1..2"})
        self.assertEqual([row["training.micro_batch"] for row in rows], ["1", "2", "1", "2"])
        self.assertAlmostEqual(rows[2]["step_time_mean_s"], 0.57, places=12)
        self.assertEqual(rows[0]["status"], "ok")
        self.assertIsNone(rows[0]["mfu_ratio"])

    def test_solve_gives_values(self):
        model = "examples/course/05_repairman.prism"
        self.assertAlmostEqual(windtunnel.solve(model, 'S=? [ "all_up" ]'), 2500 / 4433, places=14)
        self.assertEqual(len(windtunnel.solve(model, ['S=? [ "all_up" ]', 'R{"down"}=? [ S ]'])), 2)
        self.assertGreater(windtunnel.solve(model, 'S=? [ "all_up" ]', constants="l=0.01"), 0.9)

    def test_wrong_input_is_a_value_error(self):
        with self.assertRaisesRegex(ValueError, "micro_bach"):
            windtunnel.run(PIPELINE, set={"training.micro_bach": 2})
        with self.assertRaisesRegex(ValueError, "never arrives"):
            windtunnel.sweep(PIPELINE, {"training.global_batch": "1..4:-1"})
        with self.assertRaises(ValueError):
            windtunnel.solve("no_such_file.prism", "S=? [ true ]")


if __name__ == "__main__":
    unittest.main()
