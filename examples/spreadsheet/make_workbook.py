#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a capacity-planning workbook from the CSV of a sweep over cluster.num_devices.

    build/release/windtunnel sweep examples/spreadsheet/pretraining.yaml \
        --vary cluster.num_devices=256,512,1024,2048,4096 --output results.csv
    python3 examples/spreadsheet/make_workbook.py results.csv plan.xlsx

Needs openpyxl (Debian: python3-openpyxl). The sheet `Results` is the CSV, number for number; `Plan` looks its figures up
there by the names of the columns, so a new CSV with other columns can be pasted over it. Texts stay texts: a cell that
begins with = + - @ is never a formula.
"""
import csv
import sys

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.workbook.defined_name import DefinedName

KEY = "cluster.num_devices"
# Input cells of the sheet `Assumptions`: name, what a planner reads, value.
ASSUMPTIONS = [
    ("tokens", "Tokens to train on", 15e12),
    ("deadline_days", "Days until it must be done", 60),
    ("device_hour_price", "Price of one device for one hour", 2.5),
    ("lost_share", "Share of time lost to failures and restarts", 0.05),
]
INPUT = PatternFill("solid", fgColor="FFF2CC")
HEAD = Font(bold=True)


def as_cell(text):
    """A number where the text is one (the CSV always has a decimal point), unknown as empty, else the text."""
    if text in ("NA", ""):
        return None
    try:
        return float(text)
    except ValueError:
        return text


def write_text(cell, text):
    cell.value = text
    cell.data_type = "s"  # never a formula


def results_sheet(book, rows):
    sheet = book.create_sheet("Results")
    for r, row in enumerate(rows, 1):
        for c, text in enumerate(row, 1):
            value = text if r == 1 else as_cell(text)
            if isinstance(value, str):
                write_text(sheet.cell(r, c), value)
            else:
                sheet.cell(r, c).value = value
    for c in range(1, len(rows[0]) + 1):
        sheet.cell(1, c).font = HEAD
        sheet.column_dimensions[get_column_letter(c)].width = 18
    sheet.freeze_panes = "B2"


def define(book, name, where):
    defined = DefinedName(name, attr_text=where)
    if hasattr(book.defined_names, "append"):  # openpyxl 3.0
        book.defined_names.append(defined)
    else:
        book.defined_names[name] = defined


def assumptions_sheet(book):
    sheet = book.active
    sheet.title = "Assumptions"
    sheet.append(["Change the yellow cells; the sheet Plan follows."])
    sheet["A1"].font = HEAD
    for r, (name, words, value) in enumerate(ASSUMPTIONS, 3):
        sheet.cell(r, 1).value = words
        sheet.cell(r, 2).value = value
        sheet.cell(r, 2).fill = INPUT
        define(book, name, f"Assumptions!$B${r}")
    sheet["B3"].number_format = "0.00E+00"
    sheet["B6"].number_format = "0.0%"
    sheet.column_dimensions["A"].width = 48
    sheet.column_dimensions["B"].width = 16


def lookup(column, row):
    """The figure of this row's cluster in a column of Results, found by both names."""
    return (f'INDEX(Results!$A$1:$XFD$10000,MATCH($A{row},Results!$A$1:$A$10000,0),'
            f'MATCH("{column}",Results!$1:$1,0))')


PLAN = [
    ("devices", None),
    ("tokens/s per device", lambda r: "=" + lookup("tokens_per_s_per_device", r)),
    ("MFU", lambda r: "=" + lookup("mfu_ratio", r)),
    ("fits in memory", lambda r: f'=IF({lookup("memory_fits", r)}=1,"yes","no")'),
    ("days", lambda r: f"=tokens/(B{r}*A{r}*(1-lost_share))/86400"),
    ("cost", lambda r: f"=A{r}*E{r}*24*device_hour_price"),
    ("cost per million tokens", lambda r: f"=F{r}/tokens*1000000"),
    ("in time", lambda r: f'=IF(AND(E{r}<=deadline_days,D{r}="yes"),"yes","no")'),
]


def plan_sheet(book, keys):
    sheet = book.create_sheet("Plan", 0)
    sheet.append([title for title, _ in PLAN])
    for r, key in enumerate(keys, 2):
        sheet.cell(r, 1).value = key
        for c, (_, formula) in enumerate(PLAN[1:], 2):
            sheet.cell(r, c).value = formula(r)
    last = len(keys) + 1
    sheet.cell(last + 2, 1).value = "smallest cluster in time"
    sheet.cell(last + 2, 2).value = f'=IFERROR(INDEX(A2:A{last},MATCH("yes",H2:H{last},0)),"none")'
    sheet.cell(last + 3, 1).value = "cheapest in time"
    sheet.cell(last + 3, 2).value = (f'=IF(COUNTIF(H2:H{last},"yes")=0,"none",INDEX(A2:A{last},MATCH(MINIFS(F2:F{last},'
                                     f'H2:H{last},"yes"),F2:F{last},0)))').replace("MINIFS", "_xlfn.MINIFS")
    for c in range(1, len(PLAN) + 1):
        sheet.cell(1, c).font = HEAD
        sheet.cell(1, c).alignment = Alignment(wrap_text=True)
        sheet.column_dimensions[get_column_letter(c)].width = 18
    for r in range(2, last + 1):
        for c, form in zip("BCEFG", ("#,##0.0", "0.0%", "0.0", "#,##0", "0.000")):
            sheet[f"{c}{r}"].number_format = form
    sheet.freeze_panes = "B2"


def notes_sheet(book, source):
    sheet = book.create_sheet("Notes")
    for line in (f"Results come from {source}, made by windtunnel sweep; units are SI and stand in the column names.",
                 "A row whose status is not ok has no numbers; the status says why.",
                 "The cost of the cluster is devices x days x 24 h x price; nothing else is counted.",
                 "The days assume the mean step time and the lost share of the sheet Assumptions."):
        sheet.append([line])
    sheet.column_dimensions["A"].width = 110


def make(csv_file, workbook_file):
    with open(csv_file, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows or rows[0][0] != KEY:
        sys.exit(f"{csv_file}: the first column is not {KEY}, expected a sweep over it")
    status = rows[0].index("status")
    keys = sorted(float(row[0]) for row in rows[1:] if row[status] == "ok")
    book = Workbook()
    assumptions_sheet(book)
    results_sheet(book, rows)
    plan_sheet(book, keys)
    notes_sheet(book, csv_file)
    book.calculation.fullCalcOnLoad = True
    book.save(workbook_file)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    make(sys.argv[1], sys.argv[2])
