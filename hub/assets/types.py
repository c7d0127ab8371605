"""The shipped types of equipment, in Vietnamese and English, and how simulated devices become equipment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AssetType:
    """A type of equipment; `kinds` are the kinds of device (`devices/kinds`) that it covers.

    `computer` counts for computers per pupil (M01): what a pupil can learn informatics at.
    """

    id: str
    label_vi: str
    label_en: str
    kinds: tuple[str, ...] = ()
    computer: bool = False


TYPES: dict[str, AssetType] = {
    each.id: each
    for each in (
        AssetType("lab_pc", "Máy tính phòng tin học", "Lab PC", ("lab_pc",), computer=True),
        AssetType("computer", "Máy tính để bàn", "Desktop computer", computer=True),
        AssetType("laptop", "Máy tính xách tay", "Laptop", computer=True),
        AssetType("tablet", "Máy tính bảng", "Tablet"),
        AssetType("tablet_cart", "Tủ sạc máy tính bảng", "Tablet cart", ("tablet_cart",)),
        AssetType("projector", "Máy chiếu", "Projector", ("projector",)),
        AssetType(
            "interactive_display", "Màn hình tương tác", "Interactive display", ("interactive_display",)
        ),
        AssetType("television", "Tivi", "Television"),
        AssetType("wall_cell", "Tấm màn hình ghép", "Video-wall panel", ("wall_cell",)),
        AssetType("vr_headset", "Kính thực tế ảo", "VR headset", ("vr_headset",)),
        AssetType("ar_tablet", "Máy tính bảng AR", "AR tablet", ("ar_tablet",)),
        AssetType("camera", "Camera", "Camera", ("camera",)),
        AssetType("document_camera", "Máy chiếu vật thể", "Document camera"),
        AssetType(
            "conference_codec",
            "Thiết bị hội nghị truyền hình",
            "Video-conference unit",
            ("conference_codec",),
        ),
        AssetType("sound", "Thiết bị âm thanh", "Sound equipment"),
        AssetType("printer", "Máy in, máy photocopy", "Printer or copier"),
        AssetType("scanner", "Máy quét", "Scanner"),
        AssetType("server", "Máy chủ", "Server"),
        AssetType(
            "network", "Thiết bị mạng", "Network equipment", ("uplink", "network_switch", "network_device")
        ),
        AssetType("ups", "Bộ lưu điện", "UPS", ("ups",)),
        AssetType("air_conditioner", "Điều hòa", "Air conditioner", ("air_conditioner",)),
        AssetType("fan", "Quạt", "Fan"),
        AssetType("relay", "Tủ điều khiển đèn, quạt", "Light and fan control", ("relay",)),
        AssetType("sensor", "Cảm biến", "Sensor", ("room_air", "lab_safety")),
        AssetType("lab_equipment", "Thiết bị thí nghiệm", "Laboratory equipment"),
        AssetType("teaching_aid", "Đồ dùng dạy học", "Teaching aid"),
        AssetType("sports", "Thiết bị thể dục thể thao", "Sports equipment"),
        AssetType("musical", "Nhạc cụ", "Musical instrument"),
        AssetType("furniture", "Bàn ghế, tủ kệ", "Furniture"),
        AssetType("board", "Bảng viết", "Writing board"),
        AssetType("kitchen", "Thiết bị nhà bếp", "Kitchen equipment"),
        AssetType("safety", "Thiết bị phòng cháy, an toàn", "Fire and safety equipment"),
        AssetType("vehicle", "Phương tiện", "Vehicle"),
        AssetType("software", "Phần mềm, bản quyền", "Software licence"),
        AssetType("other", "Khác", "Other"),
    )
}

COMPUTER_TYPES = tuple(each.id for each in TYPES.values() if each.computer)
TYPE_OF_KIND = {kind: each.id for each in TYPES.values() for kind in each.kinds}

STATUSES = {
    "in_use": ("Đang dùng", "In use"),
    "spare": ("Dự phòng", "Spare"),
    "repair": ("Đang sửa", "In repair"),
    "lost": ("Mất", "Lost"),
    "disposed": ("Đã thanh lý", "Disposed of"),
}
CONDITIONS = {
    "good": ("Tốt", "Good"),
    "fair": ("Trung bình", "Fair"),
    "poor": ("Kém", "Poor"),
    "broken": ("Hỏng", "Broken"),
}
