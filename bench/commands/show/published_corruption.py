"""What `bench show corruption` says of a corruption, or a set of them, that is read from published files alone."""

from bench.data.published_sets import FILE_SETS, datasets_with, file_members, file_set_of, set_of


def describe_published(name: str) -> list[str]:
    """Lines on a set, or a corruption in one: whose it is, where its files are published, and its amounts.

    Empty if the name is of no such set or corruption.
    """
    if not (datasets := datasets_with(name)):
        return []
    whose = "" if name in FILE_SETS else f" is of {set_of(name)}, which"
    lines = [f"{name}{whose} is read from published files in --data-dir; none is generated here"]
    for dataset in datasets:
        members = file_members(name, dataset)
        found = file_set_of(members[0], dataset)
        assert found is not None  # as it has this member
        lines.append(f"  {dataset}: {found.name}/, published at {found.published}")
        if name in FILE_SETS:
            lines.append(f"    {', '.join(members)}")
        elif amounts := found.amounts[name]:
            lines.append(f"    the authors' parameter at severities 1 to 5: {', '.join(f'{a:g}' for a in amounts)}")
    return lines
