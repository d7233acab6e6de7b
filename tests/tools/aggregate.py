"""Makes KPL aggregates with Amazon's own aggregation library.

Reads lines from standard input: {"keys": [...], "data": [hex, ...]} is one aggregate; writes one
line for each: {"key": partition key, "data": hex of the Kinesis record}.
"""

import json
import sys

from aws_kinesis_agg.aggregator import AggRecord

for line in sys.stdin:
    wanted = json.loads(line)
    aggregate = AggRecord()
    for key, data in zip(wanted["keys"], wanted["data"], strict=True):
        if not aggregate.add_user_record(key, bytes.fromhex(data)):
            sys.exit("a user record did not fit into the aggregate")
    key, _, record = aggregate.get_contents()
    print(json.dumps({"key": key, "data": record.hex()}))
