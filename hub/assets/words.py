"""Words for types, statuses and conditions that people write into lists, beside the register's own labels."""

from collections.abc import Mapping

from hub.assets.types import CONDITIONS, STATUSES, TYPES

_ALSO: Mapping[str, tuple[str, ...]] = {
    "lab_pc": ("Máy tính học sinh", "Máy tính phòng máy", "Student computer"),
    "computer": ("Máy tính", "Máy vi tính", "Máy tính bàn", "Máy bàn", "PC", "Desktop"),
    "laptop": ("Máy xách tay", "Notebook"),
    "tablet": ("iPad",),
    "tablet_cart": ("Tủ sạc",),
    "projector": ("Máy chiếu đa năng", "Đèn chiếu"),
    "interactive_display": ("Bảng tương tác", "Bảng thông minh", "Màn hình thông minh", "Smart board"),
    "television": ("TV", "Tivi thông minh"),
    "vr_headset": ("Kính VR", "Kính thực tế ảo VR"),
    "camera": ("Camera giám sát", "Camera an ninh", "CCTV"),
    "sound": ("Âm thanh", "Loa", "Tăng âm", "Amply", "Micro", "Speaker"),
    "printer": ("Máy in", "Máy photocopy", "Máy phô tô", "Copier"),
    "scanner": ("Máy scan",),
    "network": ("Switch", "Router", "Bộ phát wifi", "Access point", "Modem"),
    "ups": ("Lưu điện",),
    "air_conditioner": ("Máy lạnh", "Máy điều hòa", "Điều hòa nhiệt độ", "Điều hoà"),
    "fan": ("Quạt điện", "Quạt trần"),
    "lab_equipment": ("Thiết bị thực hành", "Lab equipment"),
    "teaching_aid": ("Thiết bị dạy học",),
    "sports": ("Dụng cụ thể thao", "Thiết bị thể thao"),
    "furniture": ("Bàn ghế", "Bàn", "Ghế", "Tủ", "Kệ"),
    "board": ("Bảng", "Bảng đen", "Blackboard", "Whiteboard"),
    "safety": ("Bình chữa cháy", "Thiết bị phòng cháy", "Thiết bị an toàn"),
    "software": ("Phần mềm", "Bản quyền", "Software"),
    "in_use": ("Đang sử dụng", "Sử dụng", "Đang hoạt động", "Hoạt động", "Used", "Active"),
    "spare": ("Chưa sử dụng", "Chưa dùng", "Trong kho", "Lưu kho", "In stock"),
    "repair": ("Đang sửa chữa", "Sửa chữa", "Chờ sửa", "Chờ sửa chữa", "Đang bảo hành", "Under repair"),
    "lost": ("Thất lạc", "Bị mất", "Đã mất", "Missing"),
    "disposed": ("Thanh lý", "Thanh lí", "Đã hủy", "Đã tiêu hủy", "Scrapped"),
    "good": ("Còn tốt", "Mới", "New"),
    "fair": ("Khá", "Bình thường", "Average"),
    "poor": ("Yếu", "Xuống cấp", "Cũ"),
    "broken": ("Hư", "Hư hỏng", "Bị hỏng", "Không dùng được"),
}  # fmt: skip


def _with(labels: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    return {value: (*both, *_ALSO.get(value, ())) for value, both in labels.items()}


TYPE_WORDS = _with({each.id: (each.label_vi, each.label_en) for each in TYPES.values()})
STATUS_WORDS = _with(STATUSES)
CONDITION_WORDS = _with(CONDITIONS)
"""All words of each value, the Vietnamese label first, then the English one."""
