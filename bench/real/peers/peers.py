"""What another tool flags at its defaults, on windows that are laid out elsewhere.

usage: peers.py TOOL DATA < plan.json > flags.json

The plan is a list of sets: name, ref (file or ""), cur, ref_rows, window, exclude.
The answer names, for each set and column, the windows in which the tool says
drift, counted from the first after the reference.
"""

import json
import os
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")

EVIDENTLY_WINDOWS = 40


def frames(data, s):
    """The reference, and the windows after it that are whole."""
    drop = s["exclude"] or []
    cur = pd.read_csv(os.path.join(data, s["cur"]), skip_blank_lines=True)
    ref = pd.read_csv(os.path.join(data, s["ref"])) if s["ref"] else cur[: s["ref_rows"]]
    if not s["ref"]:
        cur = cur[s["ref_rows"] :]
    columns = [c for c in ref.columns if c in cur.columns and c not in drop]
    ref, cur = ref[columns].copy(), cur[columns].copy()
    for c in columns:
        if ref[c].dtype == bool or cur[c].dtype == bool:
            ref[c], cur[c] = ref[c].astype(str), cur[c].astype(str)
    n = s["window"]
    windows = [cur[i : i + n] for i in range(0, len(cur) - n + 1, n)]
    return ref, windows


def texts(frame):
    return [c for c in frame.columns if not pd.api.types.is_numeric_dtype(frame[c])]


def sampled(n):
    return sorted(set(np.linspace(0, n - 1, EVIDENTLY_WINDOWS).round().astype(int).tolist()))


def evidently(ref, windows, size):
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    cats = texts(ref)
    definition = DataDefinition(numerical_columns=[c for c in ref.columns if c not in cats], categorical_columns=cats)
    base = Dataset.from_pandas(ref, definition)
    flags = {c: [] for c in ref.columns}
    # A report takes seconds: of a set with many windows some, evenly spaced.
    for i in sampled(len(windows)):
        w = windows[i]
        run = Report([DataDriftPreset()]).run(Dataset.from_pandas(w, definition), base)
        for metric in run.dict()["metrics"]:
            config = metric.get("config", {})
            if "column" not in config or "threshold" not in config:
                continue
            value, at = float(metric["value"]), config["threshold"]
            distance = "p_value" not in config.get("method", "")
            if (value >= at) if distance else (value < at):
                flags[config["column"]].append(i)
    return flags


def nannyml(ref, windows, size):
    import nannyml as nml

    flags = {c: [] for c in ref.columns}
    for c in ref.columns:
        kind = "treat_as_categorical" if c in texts(ref) else None
        extra = {kind: [c]} if kind else {}
        try:
            calc = nml.UnivariateDriftCalculator(column_names=[c], chunk_size=size, **extra).fit(ref[[c]])
            out = calc.calculate(pd.concat(windows)[[c]])
        except Exception as err:  # a column that it cannot take
            print(f"nannyml: {c}: {err}", file=sys.stderr)
            continue
        frame = out.filter(period="analysis").to_df()
        alerts = [x for x in frame.columns if x[-1] == "alert"]
        for i, row in enumerate(frame[alerts].to_numpy()):
            if any(bool(x) for x in row):
                flags[c].append(i)
    return flags


def alibi_detect(ref, windows, size):
    from alibi_detect.cd import TabularDrift

    cats = {}
    encoded, codes = ref.copy(), {}
    for k, c in enumerate(ref.columns):
        if c in texts(ref):
            levels = sorted(set(ref[c].dropna().astype(str)) | set(pd.concat(windows)[c].dropna().astype(str)))
            codes[c] = {v: i for i, v in enumerate(levels)}
            encoded[c] = ref[c].astype(str).map(codes[c]).fillna(0)
            cats[k] = None
    rows = encoded.to_numpy(dtype=float)
    rows = rows[~np.isnan(rows).any(axis=1)]
    detector = TabularDrift(rows, p_val=0.05, categories_per_feature=cats or None)
    flags = {c: [] for c in ref.columns}
    for i, w in enumerate(windows):
        w = w.copy()
        for c, code in codes.items():
            w[c] = w[c].astype(str).map(code).fillna(0)
        x = w.to_numpy(dtype=float)
        x = x[~np.isnan(x).any(axis=1)]
        if len(x) == 0:
            continue
        data = detector.predict(x, drift_type="batch", return_p_val=True)["data"]
        at = data["threshold"]  # Bonferroni over the features
        for c, p in zip(ref.columns, np.atleast_1d(data["p_val"])):
            if p < at:
                flags[c].append(i)
    return flags


TOOLS = {"evidently": evidently, "nannyml": nannyml, "alibi-detect": alibi_detect}


def main():
    tool, data = sys.argv[1], sys.argv[2]
    out = {}
    for s in json.load(sys.stdin):
        ref, windows = frames(data, s)
        print(f"{tool}: {s['name']}, {len(windows)} windows", file=sys.stderr)
        try:
            judged = len(sampled(len(windows))) if tool == "evidently" else len(windows)
            out[s["name"]] = {"flags": TOOLS[tool](ref, windows, s["window"]), "judged": judged}
        except Exception as err:  # said, not hidden
            out[s["name"]] = {"error": f"{type(err).__name__}: {err}".split(" (/")[0][:200]}  # no path of this machine
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
