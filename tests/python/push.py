"""Pushes an order as a webshop would: push.py BASE_URL"""

import sys

import requests

answer = requests.post(sys.argv[1] + "/orders/4711", json={"lines": [1, 2]}, timeout=30)
print(answer.status_code, answer.text)
