"""The users and conversations that every sandbox starts with.

Members are named as in X's documents. Where two versions of the document name a member differently, both names are
here, and only the contract's name can be requested. The long ids are greater than any id that X has assigned.
"""

from typing import Any

MAIN_USER_ID = "9000000000000000101"
# Groups of the main user.
GROUP_ID = "g9000000000000000201"
OTHER_GROUP_ID = "g9000000000000000202"
# A group that the main user is not part of.
FORBIDDEN_GROUP_ID = "g9000000000000000203"
# Shorter than the others, so that comparing ids as strings gives a wrong result.
_BEA = "900000001"
_CARL = "9000000000000000103"
_DORA = "9000000000000000104"
_EMIL = "9000000000000000105"

USERS: tuple[dict[str, Any], ...] = (
    {
        "id": MAIN_USER_ID,
        "name": "Ada Sandbox",
        "username": "ada_sandbox",
        "created_at": "2024-02-01T08:30:00.000Z",
        "description": "Owner of the default token.",
        "location": "Loopback",
        "most_recent_tweet_id": "9000000000000000901",
        "pinned_tweet_id": "9000000000000000902",
        "profile_banner_url": "https://sandbox.invalid/ada/banner",
        "profile_image_url": "https://sandbox.invalid/ada/avatar.png",
        "protected": False,
        "public_metrics": {
            "followers_count": 12,
            "following_count": 34,
            "like_count": 56,
            "listed_count": 1,
            "tweet_count": 789,
            "post_count": 789,
        },
        "receives_your_dm": True,
        "subscription_type": "Premium",
        "url": "https://sandbox.invalid/ada",
        "verified": True,
        "verified_type": "blue",
    },
    {
        "id": _BEA,
        "name": "Bea Burst",
        "username": "bea_burst",
        "created_at": "2011-07-19T17:05:00.000Z",
        "connection_status": ["following", "followed_by"],
        "description": "Has an id from the early days.",
        "profile_image_url": "https://sandbox.invalid/bea/avatar.png",
        "protected": False,
        "public_metrics": {
            "followers_count": 4321,
            "following_count": 210,
            "listed_count": 17,
            "tweet_count": 10234,
            "post_count": 10234,
        },
        "receives_your_dm": True,
        "verified": False,
        "verified_type": "none",
    },
    {
        "id": _CARL,
        "name": "Carl Canary",
        "username": "carl_canary",
        "created_at": "2023-11-05T12:00:00.000Z",
        "description": "",
        "protected": True,
        "receives_your_dm": True,
        "verified": False,
        "verified_type": "none",
    },
    {
        "id": _DORA,
        "name": "Dora Dashboard ☎",
        "username": "dora_dash",
        "created_at": "2025-01-31T23:59:59.000Z",
        "description": "On call.",
        "affiliation": {
            "badge_url": "https://sandbox.invalid/badge.png",
            "description": "Sandbox Works",
            "url": "https://sandbox.invalid/works",
            "user_id": [MAIN_USER_ID],
        },
        "protected": False,
        "receives_your_dm": False,
        "verified": True,
        "verified_type": "business",
    },
    {
        "id": _EMIL,
        "name": "Emil Edge",
        "username": "emil_edge",
        "created_at": "2025-06-15T06:45:00.000Z",
        "protected": False,
        "verified": False,
        "verified_type": "none",
    },
)

UNRESTRICTED = {
    "is_muted": False,
    "screen_capture_blocking_enabled": False,
    "screen_capture_detection_enabled": False,
}

# Each conversation with the sequence ids of its message events, oldest first. They differ in length, so that comparing
# them as strings gives a wrong result.
CONVERSATIONS: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
    (
        {
            "id": f"{_BEA}-{MAIN_USER_ID}",
            "type": "direct",
            "participant_ids": [_BEA, MAIN_USER_ID],
            **UNRESTRICTED,
        },
        ("998877665544332211", "1998877665544332211", "2098877665544332211"),
    ),
    (
        {
            "id": f"{MAIN_USER_ID}-{_CARL}",
            "type": "direct",
            "participant_ids": [MAIN_USER_ID, _CARL],
            "is_muted": True,
            "message_ttl_msec": "604800000",
            "message_ttl_ms": 604800000,
            "screen_capture_blocking_enabled": True,
            "screen_capture_detection_enabled": True,
        },
        ("999999999999999999", "1000000000000000000"),
    ),
    (
        {
            "id": GROUP_ID,
            "type": "group",
            "group_name": "Release crew",
            "group_avatar_url": "https://sandbox.invalid/groups/release-crew.png",
            "admin_ids": [MAIN_USER_ID],
            "member_ids": [MAIN_USER_ID, _BEA, _CARL],
            "participant_ids": [MAIN_USER_ID, _BEA, _CARL],
            "created_at": "2026-01-12T09:00:00.000Z",
            "updated_at": "2026-03-02T16:20:31.000Z",
            **UNRESTRICTED,
        },
        ("987654321987654321", "1987654321987654321", "1987654321987654399"),
    ),
    (
        {
            "id": OTHER_GROUP_ID,
            "type": "group",
            "group_name": "On call",
            "admin_ids": [_DORA, _EMIL],
            "member_ids": [_EMIL, _DORA, MAIN_USER_ID, _BEA],
            "participant_ids": [_EMIL, _DORA, MAIN_USER_ID, _BEA],
            "created_at": "2025-10-01T00:00:00.000Z",
            "updated_at": "2026-02-27T03:14:15.000Z",
            "is_muted": True,
            "message_ttl_msec": "86400000",
            "message_ttl_ms": 86400000,
            "screen_capture_blocking_enabled": False,
            "screen_capture_detection_enabled": True,
        },
        ("2000000000000000007",),
    ),
    # The owner of the default token is not part of the last two.
    (
        {
            "id": FORBIDDEN_GROUP_ID,
            "type": "group",
            "group_name": "Board room",
            "admin_ids": [_CARL],
            "member_ids": [_CARL, _DORA],
            "participant_ids": [_CARL, _DORA],
            "created_at": "2026-02-14T10:00:00.000Z",
            "updated_at": "2026-02-14T10:00:00.000Z",
            **UNRESTRICTED,
        },
        ("2100000000000000001", "2100000000000000002"),
    ),
    (
        {
            "id": f"{_CARL}-{_DORA}",
            "type": "direct",
            "participant_ids": [_CARL, _DORA],
            **UNRESTRICTED,
        },
        ("2200000000000000001",),
    ),
)
