# SPDX-License-Identifier: Apache-2.0
"""The workbook's formulas, evaluated by LibreOffice, give the tool's own numbers. Exit code 77: skipped, and why.

    python3 examples/spreadsheet/test_workbook.py PROGRAM
"""
import csv
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""
SHEETS = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def sheets_of(workbook, folder):
    """Every sheet as LibreOffice calculates it, full precision."""
    profile = os.path.join(folder, "profile", "user")
    os.makedirs(profile)
    with open(os.path.join(profile, "registrymodifications.xcu"), "w") as file:
        file.write(RECALCULATE)
    subprocess.run(["soffice", "--headless", "--norestore", "-env:UserInstallation=file://" + os.path.dirname(profile),
                    "--convert-to", SHEETS, "--outdir", folder, workbook], check=True, timeout=170,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sheets = {}
    for name in ("Plan", "Results", "Assumptions"):
        with open(os.path.join(folder, f"plan-{name}.csv"), newline="", encoding="utf-8") as file:
            sheets[name] = list(csv.reader(file))
    return sheets


def close(a, b):
    value = float(a.rstrip("%")) / (100 if a.endswith("%") else 1)
    return abs(value - b) <= 1e-9 * abs(b)


def check(program):
    sys.path.insert(0, HERE)
    import make_workbook
    with tempfile.TemporaryDirectory() as folder:
        results = os.path.join(folder, "results.csv")
        workbook = os.path.join(folder, "plan.xlsx")
        # 640 devices cannot share the batch evenly: a row without numbers.
        subprocess.run([program, "sweep", os.path.join(HERE, "pretraining.yaml"), "--vary",
                        "cluster.num_devices=512,640,1024,2048", "--output", results], check=True)
        with open(results, newline="", encoding="utf-8") as file:
            text = file.read()
        rows = list(csv.DictReader(text.splitlines()))
        # A status that a spreadsheet would take for a formula, were it not written as a text.
        with open(results, "w", newline="", encoding="utf-8") as file:
            file.write(text + text.splitlines()[-1].rsplit(",", 1)[0].replace("2048", "4096", 1) + ",=1+1\n")
        make_workbook.make(results, workbook)
        sheets = sheets_of(workbook, folder)
    plan = {row[0]: row for row in sheets["Plan"][1:] if row[0]}
    tokens, _, price, lost = (value for _, _, value in make_workbook.ASSUMPTIONS)
    answered = [row for row in rows if row["status"] == "ok"]
    assert len(answered) == 3, rows
    for row in answered:
        devices, rate = float(row["cluster.num_devices"]), float(row["tokens_per_s_per_device"])
        shown = plan[row["cluster.num_devices"]]
        days = tokens / (rate * devices * (1 - lost)) / 86400
        assert close(shown[1], rate), (shown, rate)
        assert close(shown[2], float(row["mfu_ratio"])), shown
        assert close(shown[4], days), (shown, days)
        assert close(shown[5], devices * days * 24 * price), shown
    assert sheets["Results"][-1][-1] == "=1+1", sheets["Results"][-1][-1]
    assert sheets["Results"][2][-1] != "ok" and sheets["Results"][2][1] == "", sheets["Results"][2]
    assert plan["smallest cluster in time"][1] in [row["cluster.num_devices"] for row in answered] + ["none"]
    print("1 passed, 0 failed")


if __name__ == "__main__":
    if shutil.which("soffice") is None:
        skip("soffice not found (Debian: libreoffice-calc-nogui)")
    try:
        import openpyxl  # noqa: F401
    except ImportError:
        skip("openpyxl not found (Debian: python3-openpyxl)")
    check(os.path.abspath(sys.argv[1]))
