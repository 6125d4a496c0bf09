"""What runs from `start` to `stop`: as a context it is started on the way in and stopped on the way out.

Knows nothing of what is served.
"""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Service(ABC):
    """`async with` one: a start that fails is stopped too."""

    @abstractmethod
    async def start(self) -> None:
        """Begin to serve. Raises what stands in the way."""

    @abstractmethod
    async def stop(self) -> None:
        """Serve no more. Can be called twice, and after a start that failed."""

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
