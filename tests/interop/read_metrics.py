"""Prometheus' text format read by its own client for Python, which is none of Fathom's making.

    read_metrics.py URL

Prints each sample as JSON, a line each: name, labels, value. Ends with a traceback if the text is not in the format.
"""

import json
import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

PATIENCE_S = 20

with urllib.request.urlopen(sys.argv[1], timeout=PATIENCE_S) as response:
    text = response.read().decode()
for family in text_string_to_metric_families(text):
    for sample in family.samples:
        print(json.dumps([sample.name, sample.labels, sample.value]))
