"""Resolvers that answer from a list, and addresses that are refused before one is asked."""

import pytest

from scanner.url_guard import UrlGuard, UrlRefusedError

PUBLIC = "93.184.215.14"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


class Resolver:
    """Answers from a list, one answer after the other, and remembers what it was asked."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return [answer] if isinstance(answer, str) else list(answer)


def refused_form(url: str, **options: object) -> str:
    """Assert that the form alone is refused, by both doors, with nothing looked up."""
    resolver = Resolver(PUBLIC)
    guard = UrlGuard(resolve=resolver, **options)
    for door in (guard.check_form, guard.target):
        with pytest.raises(UrlRefusedError) as caught:
            door(url)
        assert caught.value.at == "form"
    assert resolver.asked == []
    return caught.value.detail
