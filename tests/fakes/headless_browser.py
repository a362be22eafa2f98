"""A browser without a window: opens the URL of its argument, keeps cookies, follows redirects, and prints the page.

The variable ACCOUNT names the user at the authorization server.
"""

import http.cookiejar
import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Open the page; return 1 for an error."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)
    )
    jar.set_cookie(_cookie("account", os.environ.get("ACCOUNT", "alice")))
    try:
        with browser.open(sys.argv[1], timeout=30) as page:
            text, status = page.read().decode(), page.status
    except urllib.error.HTTPError as error:
        text, status = error.read().decode(), error.code
    print(status, text)
    return 0 if status == 200 else 1


def _cookie(name: str, value: str) -> http.cookiejar.Cookie:
    return http.cookiejar.Cookie(
        0, name, value, None, False, "127.0.0.1", False, False, "/", True, False, None, False, None, None, {}
    )


if __name__ == "__main__":
    sys.exit(main())
