// GPX 1.1: markers as waypoints, then one track for each uid. Called by `export --gpx`, in the
// order begin, waypoint*, (beginTrack, point*, endTrack)*, end. The order of the elements in each
// is that of the schema. Heights are above the ellipsoid, as CoT has them; GPX does not say what it
// means.

public enum ExportGPX {
    public static var begin: StaticString {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <gpx version="1.1" creator="TinyCoT" xmlns="http://www.topografix.com/GPX/1/1">

        """
    }

    public static var end: StaticString { "</gpx>\n" }

    public static func waypoint(_ event: DumpEvent, into writer: inout ByteWriter) {
        var place = MapPlace()
        if TrackTable.sight(event, &place) != .marker { return }
        open("wpt", place, event.time, &writer)
        describe(event, &writer)
        writer.append("</wpt>\n")
    }

    public static func beginTrack(_ event: DumpEvent, into writer: inout ByteWriter) {
        writer.append("<trk>")
        describe(event, &writer)
        writer.append("<trkseg>\n")
    }

    public static func point(_ point: TrackPoint, into writer: inout ByteWriter) {
        open("trkpt", point.place, point.time, &writer)
        writer.append("</trkpt>\n")
    }

    public static var endTrack: StaticString { "</trkseg></trk>\n" }

    private static func open(
        _ name: StaticString, _ place: MapPlace, _ time: WallTime?, _ writer: inout ByteWriter
    ) {
        writer.append("<")
        writer.append(name)
        writer.append(" lat=\"")
        MapPlace.write(degrees: place.latitude, into: &writer)
        writer.append("\" lon=\"")
        // A longitude of 180 degrees is written as -180: the schema ends before it.
        let east: Int64 = 180_000_000_000
        MapPlace.write(
            degrees: place.longitude == east ? -east : place.longitude, into: &writer)
        writer.append("\">")
        if place.height != MapPlace.unknownHeight {
            writer.append("<ele>")
            place.writeHeight(into: &writer)
            writer.append("</ele>")
        }
        if let time { writer.element("time", time) }
    }

    private static func describe(_ event: DumpEvent, _ writer: inout ByteWriter) {
        writer.element("name", event.name)
        if !event.team.isEmpty { writer.element("cmt", event.team) }
        writer.element("desc", event.uid)
        writer.element("type", event.type)
    }
}
