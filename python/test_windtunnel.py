# SPDX-License-Identifier: Apache-2.0
"""The Python door: the same answers as the program."""
import contextlib
import os
import tempfile
import unittest

import windtunnel

PIPELINE = "examples/course/12_pipeline.yaml"


@contextlib.contextmanager
def model_file(text):
    """The path of a file with this model."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.prism")
        with open(path, "w") as file:
            file.write(text)
        yield path


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

    def test_constants_may_be_a_dict(self):
        model = "examples/course/05_repairman.prism"
        self.assertEqual(windtunnel.solve(model, 'S=? [ "all_up" ]', constants={"l": 0.25}),
                         windtunnel.solve(model, 'S=? [ "all_up" ]', constants="l=0.25"))

    def test_a_report_has_bounds_and_derivatives(self):
        # S = mu / (la + mu): the derivative by la is -mu / (la + mu)^2.
        with model_file("ctmc const double la; const double mu=3; module m up:bool init true; "
                        "[] up -> la:(up'=false); [] !up -> mu:(up'=true); endmodule") as model:
            report = windtunnel.solve_report(model, "S=? [ up ]", constants={"la": 1}, sensitivity=True, verify=True)
        self.assertEqual(report["states"], 2)
        answer = report["properties"][0]
        self.assertAlmostEqual(answer["value"], 0.75, places=14)
        self.assertLessEqual(answer["verified_lower"], 0.75)
        by_la = answer["sensitivities"][0]
        self.assertEqual(by_la["input"], "la")
        self.assertLessEqual(abs(by_la["derivative"] + 3 / 16), by_la["error_bound"] + 1e-16)

    def test_experiments_are_rows(self):
        with model_file("ctmc const int N; const double la; module q x:[0..N]; "
                        "[] x<N -> la:(x'=x+1); [] x>0 -> 1:(x'=x-1); endmodule") as model:
            rows = windtunnel.experiment(model, ["S=? [ x=N ]", "S=? [ x=0 ]"], constants={"N": "2:2:4", "la": 1},
                                         sensitivity=True)
            nested = windtunnel.solve_report(model, "S=? [ x=N ]", constants="N=2:2:4,la=1")
            self.assertEqual([one["constants"]["N"] for one in nested["experiments"]], [2, 4])
            with self.assertRaisesRegex(ValueError, "no value"):
                windtunnel.solve(model, "S=? [ x=N ]", constants="N=2")
        self.assertEqual([row["N"] for row in rows], [2, 2, 4, 4])
        for row in rows:  # rho = 1: every state is as likely.
            self.assertAlmostEqual(row["value"], 1 / (row["N"] + 1), places=14)
            self.assertEqual(row["status"], "ok")
            sign = 1 if row["property"] == "S=? [ x=N ]" else -1
            # p_N = la^N / sum la^k: at la = 1 its derivative is N / (2 (N + 1)).
            self.assertAlmostEqual(row["derivative.la"], sign * row["N"] / (2 * (row["N"] + 1)), places=10)

    def test_equal_modules_are_counted(self):
        text = "ctmc module m1 a1:[0..1]; [] a1=0 -> 0.1:(a1'=1); [] a1=1 -> 1:(a1'=0); endmodule\n"
        text += "".join(f"module m{k} = m1 [a1=a{k}] endmodule\n" for k in range(2, 9))
        property = "S=? [ " + "+".join(f"a{k}" for k in range(1, 9)) + ">=2 ]"
        with model_file(text) as model:
            apart = windtunnel.solve_report(model, property)
            counted = windtunnel.solve_report(model, property, symmetry="auto")
            lumped = windtunnel.solve_report(model, property, lump=True)
        self.assertEqual((apart["states"], counted["states"]), (256, 9))
        self.assertEqual(lumped["properties"][0]["lumped_states"], 9)
        for report in (counted, lumped):
            self.assertAlmostEqual(report["properties"][0]["value"], apart["properties"][0]["value"], places=12)

    def test_wrong_arguments_of_solve(self):
        model = "examples/course/05_repairman.prism"
        with self.assertRaisesRegex(TypeError, "unknown argument 'lumps', expected one of jobs, labels, lump"):
            windtunnel.solve(model, "S=? [ true ]", lumps=True)
        with self.assertRaisesRegex(ValueError, "tolerance is 2"):
            windtunnel.solve(model, "S=? [ true ]", tolerance=2)
        with self.assertRaisesRegex(ValueError, "expected a module"):
            windtunnel.solve(model, "S=? [ true ]", symmetry="m1,m2")
        with self.assertWarnsRegex(UserWarning, "constant 'lambda' is not used"):
            windtunnel.solve(model, 'S=? [ "all_up" ]', constants="lambda=1")

    def test_wrong_input_is_a_value_error(self):
        with self.assertRaisesRegex(ValueError, "micro_bach"):
            windtunnel.run(PIPELINE, set={"training.micro_bach": 2})
        with self.assertRaisesRegex(ValueError, "never arrives"):
            windtunnel.sweep(PIPELINE, {"training.global_batch": "1..4:-1"})
        with self.assertRaises(ValueError):
            windtunnel.solve("no_such_file.prism", "S=? [ true ]")


if __name__ == "__main__":
    unittest.main()
