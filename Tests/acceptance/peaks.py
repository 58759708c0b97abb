"""A table of plan against peak, from the file that a run with TINYCOT_PEAKS has left.

Of all daemons with the same plan for a pool, the highest peak; of all plans, the one that came
nearest to its limit, and the default one.
"""

import json
import sys


def rows(path):
    nearest = {}
    daemons = 0
    with open(path, encoding="ascii") as file:
        for line in file:
            daemons += 1
            for name, (peak, limit) in json.loads(line).items():
                best = nearest.get(name)
                if limit > 0 and (best is None or peak * best[1] > best[0] * limit):
                    nearest[name] = (peak, limit)
    return daemons, nearest


def main():
    daemons, nearest = rows(sys.argv[1])
    print(f"Plan against peak, of {daemons} daemons; for each pool the one that came nearest")
    print(f"{'pool':<24}{'peak':>14}{'plan':>14}{'share':>9}")
    for name, (peak, limit) in nearest.items():
        print(f"{name:<24}{peak:>14,}{limit:>14,}{100 * peak / limit:>7.1f} %")
    return 0 if daemons and all(peak <= limit for peak, limit in nearest.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
