// KML 2.2: a folder for each team; in it for each uid its track as a line, its last position and
// its latest marker as points. Called by `export --kml`, in the order begin, (beginFolder, (marker
// | beginLine, coordinates*, endLine, position)*, endFolder)*, end. Points lie on the ground: the
// heights of CoT are above the ellipsoid, those of KML above the sea, so they are given but not
// used for drawing. Names stand where no program reads markup in them, so not in `description`.

public enum ExportKML {
    private static var head: StaticString {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>TinyCoT</name>

        """
    }

    public static var end: StaticString { "</Document></kml>\n" }
    public static var endFolder: StaticString { "</Folder>\n" }

    public static func begin(into writer: inout ByteWriter) {
        writer.append(head)
        var i = 0
        while let colour = TeamColour(rawValue: UInt8(i)) {
            writer.append("<Style id=\"")
            colour.writeStyle(into: &writer)
            writer.append("\"><IconStyle><color>")
            writer.append(hex: UInt64(colour.alphaBlueGreenRed), digits: 8)
            writer.append("</color></IconStyle><LineStyle><color>")
            writer.append(hex: UInt64(colour.alphaBlueGreenRed), digits: 8)
            writer.append("</color><width>3</width></LineStyle></Style>\n")
            i += 1
        }
    }

    /// - Parameter event: any one of the team.
    public static func beginFolder(_ event: DumpEvent, into writer: inout ByteWriter) {
        writer.append("<Folder>")
        if event.team.isEmpty {
            writer.append("<name>no team</name>")
        } else {
            writer.element("name", event.team)
        }
        writer.append("\n")
    }

    public static func marker(_ event: DumpEvent, into writer: inout ByteWriter) {
        var place = MapPlace()
        if TrackTable.sight(event, &place) != .marker { return }
        position(event, place, event.time, into: &writer)
    }

    /// The last of a track. What the event says is the latest; place and time are the track's.
    public static func position(
        _ event: DumpEvent, _ point: TrackPoint, into writer: inout ByteWriter
    ) {
        position(event, point.place, point.time, into: &writer)
    }

    private static func position(
        _ event: DumpEvent, _ place: MapPlace, _ time: WallTime?, into writer: inout ByteWriter
    ) {
        beginPlacemark(event, time, &writer)
        writer.append("<Point><coordinates>")
        write(place, &writer)
        writer.append("</coordinates></Point></Placemark>\n")
    }

    public static func beginLine(_ event: DumpEvent, into writer: inout ByteWriter) {
        beginPlacemark(event, nil, &writer)
        writer.append("<LineString><tessellate>1</tessellate><coordinates>\n")
    }

    public static func coordinates(_ point: TrackPoint, into writer: inout ByteWriter) {
        write(point.place, &writer)
        writer.append("\n")
    }

    public static var endLine: StaticString { "</coordinates></LineString></Placemark>\n" }

    private static func write(_ place: MapPlace, _ writer: inout ByteWriter) {
        MapPlace.write(degrees: place.longitude, into: &writer)
        writer.append(",")
        MapPlace.write(degrees: place.latitude, into: &writer)
        if place.height != MapPlace.unknownHeight {
            writer.append(",")
            place.writeHeight(into: &writer)
        }
    }

    private static func beginPlacemark(
        _ event: DumpEvent, _ time: WallTime?, _ writer: inout ByteWriter
    ) {
        writer.append("<Placemark>")
        writer.element("name", event.name)
        if let time {
            writer.append("<TimeStamp>")
            writer.element("when", time)
            writer.append("</TimeStamp>")
        }
        if let colour = TeamColour(event) {
            writer.append("<styleUrl>#")
            colour.writeStyle(into: &writer)
            writer.append("</styleUrl>")
        }
        writer.append("<ExtendedData><Data name=\"uid\">")
        writer.element("value", event.uid)
        writer.append("</Data><Data name=\"type\">")
        writer.element("value", event.type)
        writer.append("</Data></ExtendedData>")
    }
}

extension TeamColour {
    fileprivate init?(_ event: DumpEvent) {
        let range = event.header.groupName
        if range.isEmpty { return nil }
        var i: UInt8 = 0
        while let colour = TeamColour(rawValue: i) {
            if AttributeValue.equals(event.bytes, range, colour.name) {
                self = colour
                return
            }
            i += 1
        }
        return nil
    }

    /// `team-dark-blue`
    fileprivate func writeStyle(into writer: inout ByteWriter) {
        writer.append("team-")
        let name = Slab(name)
        var i = 0
        while i < name.count {
            let isBlank = name[i] == UInt8(ascii: " ")
            writer.append(isBlank ? UInt8(ascii: "-") : name[i] | 0x20)
            i += 1
        }
    }

    /// As ATAK draws it, in the order of KML.
    fileprivate var alphaBlueGreenRed: UInt32 {
        switch self {
        case .white: 0xFFFF_FFFF
        case .yellow: 0xFF00_FFFF
        case .orange: 0xFF00_77FF
        case .magenta: 0xFFFF_00FF
        case .red: 0xFF00_00FF
        case .maroon: 0xFF00_007F
        case .purple: 0xFF7F_007F
        case .darkBlue: 0xFF7F_0000
        case .blue: 0xFFFF_0000
        case .cyan: 0xFFFF_FF00
        case .teal: 0xFF7F_7F00
        case .green: 0xFF00_FF00
        case .darkGreen: 0xFF00_7F00
        case .brown: 0xFF4F_71A0
        }
    }
}
