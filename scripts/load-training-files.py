"""Loads exported files with the libraries others train with, and compares what they read with what was written.

Usage: load-training-files.py FOLDER, with a file for each format, named after it.
"""

import json
import os
import sys

folder = sys.argv[1]
os.environ["HF_HOME"] = os.path.join(folder, "home")
os.environ["HF_DATASETS_CACHE"] = os.path.join(folder, "cache")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"

import pyarrow.parquet  # noqa: E402
from datasets import load_dataset  # noqa: E402


def written(name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def loaded(name):
    rows = load_dataset("json", data_files=os.path.join(folder, name), split="train")
    print(f"{name}: {len(rows)} rows, columns {rows.column_names}")
    return rows


def without_nulls(value):
    """Readers fill members up that other rows have."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(member) for member in value]
    return value


for name in ["jsonl", "openai-chat", "dpo", "sharegpt"]:
    lines, rows = written(name), loaded(name)
    assert len(lines) == len(rows) > 0, name
    for line, row in zip(lines, rows):
        if name == "jsonl":
            # Times become times; all the rest is as it was written.
            for member in ["record_id", "cluster", "request", "plan", "labels", "split", "consent", "reasoning"]:
                assert without_nulls(row[member]) == without_nulls(line[member]), (name, member)
        else:
            assert row == line, name

records = written("jsonl")
table = pyarrow.parquet.read_table(os.path.join(folder, "parquet"))
rows = table.to_pylist()
print(f"parquet: {len(rows)} rows, columns {table.column_names}")
assert len(rows) == len(records)
for row, record in zip(rows, records):
    for member in ["schema_version", "record_id", "cluster", "split", "consent", "request", "reasoning"]:
        assert row[member] == record[member], member
    for member in ["intent", "context", "plan", "steps", "quality", "blame", "business_metrics", "labels", "models"]:
        text = row[member]
        assert (None if text is None else json.loads(text)) == record[member], member
frame = load_dataset("parquet", data_files=os.path.join(folder, "parquet"), split="train")
assert len(frame) == len(records)
